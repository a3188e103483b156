//! `portreeve router enrol` of a router that is enrolled.

use portreeve_routeros::plan::Wanted;

use super::{
    enrol::{Enrol, agree, report},
    progress,
    wishes::{Terms, Wishes},
};
use crate::{
    cli::Context,
    failure::Failure,
    routers::{Kept, Link, RouterError, Routers},
};

/// A router that is enrolled: brought to what is asked for now.
pub(super) async fn again(
    arguments: &Enrol,
    kept: &Kept,
    routers: &Routers,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let folder = routers.find(&kept.name)?;
    if arguments
        .name
        .as_ref()
        .is_some_and(|name| *name != kept.name)
    {
        let words = format!("the router is enrolled already, as '{}'", kept.name);
        return Err(RouterError::Refused(words).into());
    }
    let is_other = (arguments.udp && kept.is_radsec()) || (arguments.radsec && !kept.is_radsec());
    if is_other {
        return Err(RouterError::Refused(format!(
            "the router is enrolled already and comes in the other way; take it back first: \
             portreeve router remove {}",
            kept.name
        ))
        .into());
    }
    let _guard = folder.lock()?;
    let link = Link::open(kept).await?;
    let wanted = if arguments.wishes.is_empty() {
        kept.wanted()
    } else {
        rewanted(kept, &arguments.wishes)
    };
    let plan = link.plan(&wanted).await?;
    let output = &mut context.output;
    let mut steps = 0;
    if plan.is_empty() {
        output.note(format!(
            "router '{}' is enrolled already, and is as wanted: nothing to do",
            kept.name
        ))?;
    } else {
        progress::show_beside(arguments.json, &plan, output)?;
        if !arguments.dry_run {
            agree(arguments.yes, plan.steps().len(), output)?;
            steps = progress::carry_out_or_not(&link, kept, &folder, &plan, output).await?;
        }
    }
    if !arguments.dry_run && wanted != kept.wanted() {
        let mut kept = kept.clone();
        kept.bare = wanted;
        folder.write(&kept)?;
    }
    report(arguments, kept, steps, None, output)
}

/// What is wanted anew, where everything else stays.
fn rewanted(kept: &Kept, wishes: &Wishes) -> Wanted {
    let before = kept.wanted();
    let server = &before.servers[0];
    wishes.wanted(&Terms {
        tag: before.tag.clone(),
        protocol: server.protocol,
        server: wishes.server().unwrap_or(server.address),
        source: server.source,
        ports: (server.authentication_port, server.accounting_port),
        secret: server.secret.reveal(),
        certificate: server.certificate.as_deref().unwrap_or_default(),
    })
}
