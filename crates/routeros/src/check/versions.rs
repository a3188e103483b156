//! What is known of RouterOS versions, and of what a device permits.

use crate::{Record, Version};

use super::{
    Code, Finding, RouterSide,
    scene::{Scene, is_on},
    service::{self, State},
};

/// The day the list below was put together. Newer troubles are not in it.
pub const KNOWN_AS_OF: &str = "2026-11-21";

/// A vulnerability of RouterOS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vulnerability {
    /// Its names.
    pub name: &'static str,
    /// What it lets somebody do.
    pub what: &'static str,
    /// The first version of each branch that no longer has it: `(major, minor)` of the branch,
    /// and the version. A version has it if it is older than the one of its branch, or, where its
    /// branch is not named, than the newest named of its major version.
    fixed: &'static [(Option<u16>, Version)],
    /// The services of `/ip/service` it is reached by. Empty: several ways.
    services: &'static [&'static str],
}

/// Those that matter to whoever runs a router, as of [`KNOWN_AS_OF`].
pub const VULNERABILITIES: &[Vulnerability] = &[
    Vulnerability {
        name: "CVE-2026-84411",
        what: "code runs through the web service, without logging in",
        fixed: &[
            (None, Version::new(7, 24, 0)),
            (None, Version::new(6, 49, 23)),
        ],
        services: &["www", "www-ssl"],
    },
    Vulnerability {
        name: "CVE-2026-86060, CVE-2026-67277, CVE-2026-67279",
        what: "see MikroTik's security page",
        fixed: &[
            (None, Version::new(7, 24, 2)),
            (Some(23), Version::new(7, 23, 4)),
            (None, Version::new(6, 49, 21)),
        ],
        services: &[],
    },
    Vulnerability {
        name: "CVE-2018-14847",
        what: "files, passwords among them, are read through WinBox without logging in",
        fixed: &[
            (None, Version::new(6, 42, 1)),
            (Some(40), Version::new(6, 40, 8)),
        ],
        services: &["winbox"],
    },
];

impl Vulnerability {
    /// Whether a version has it.
    pub fn affects(&self, version: Version) -> bool {
        self.first_without(version)
            .is_some_and(|fixed| version < fixed)
    }

    /// The version of the same branch, or else of the same major version, that is without it.
    /// `None`: this major version never had it.
    pub fn first_without(&self, version: Version) -> Option<Version> {
        let of_major = self
            .fixed
            .iter()
            .filter(|(_, fixed)| fixed.major == version.major);
        let branch = of_major
            .clone()
            .find(|(minor, _)| *minor == Some(version.minor));
        branch
            .or_else(|| of_major.clone().find(|(minor, _)| minor.is_none()))
            .map(|(_, v)| *v)
    }
}

pub(super) fn rules(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    vulnerable(scene.router, found);
    let version = scene.router.version();
    if version == Version::new(6, 45, 0) || version == Version::new(6, 45, 1) {
        found.push(
            Finding::error(
                Code::BrokenPassword,
                "RouterOS 6.45 and 6.45.1 encode User-Password wrongly: PAP log-ins are refused",
            )
            .seen(format!("the router runs {version}"))
            .fix("update to 6.45.2 or later"),
        );
    }
    device_mode(scene, found);
}

/// Also used by the hardening report.
pub(crate) fn vulnerable(router: &RouterSide, found: &mut Vec<Finding>) {
    let version = router.version();
    let mut grave = false;
    let mut evidence = Vec::new();
    let mut update = version;
    for known in VULNERABILITIES
        .iter()
        .filter(|known| known.affects(version))
    {
        let Some(fixed) = known.first_without(version) else {
            continue;
        };
        update = update.max(fixed);
        let open = router.items("/ip/service").iter().find(|service| {
            is_on(service)
                && service
                    .get("name")
                    .is_some_and(|one| known.services.contains(&one))
        });
        grave |= open.is_some();
        let by = open.and_then(|one| one.get("name"));
        let by = by.map_or_else(String::new, |name| format!(" (the service {name} is on)"));
        evidence.push(format!(
            "{}: {}; fixed in {fixed}{by}",
            known.name, known.what
        ));
    }
    if evidence.is_empty() {
        return;
    }
    let what = format!("RouterOS {version} has known vulnerabilities");
    let finding = if grave {
        Finding::error(Code::Vulnerable, what)
    } else {
        Finding::warning(Code::Vulnerable, what)
    };
    found.push(
        finding
            .all_seen(evidence)
            .seen(format!(
                "as known on {KNOWN_AS_OF}; MikroTik's own pages may know more"
            ))
            .fix(format!("update to {update} or later, after a backup")),
    );
}

/// The device-mode of 7.17 and later forbids things until somebody at the device permits them.
fn device_mode(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let Some(mode) = scene.router.one("/system/device-mode") else {
        return;
    };
    let forbids = |feature: &str| mode.flag(feature) == Some(false);
    let scheduled: Vec<&Record> = scene
        .router
        .items("/system/scheduler")
        .iter()
        .filter(|item| is_on(item))
        .collect();
    let fetches = scheduled.iter().any(|item| {
        item.get("on-event")
            .is_some_and(|text| text.contains("fetch"))
    });
    let mail = scene.router.one("/tool/e-mail").is_some_and(|mail| {
        let set = |name| {
            mail.get(name)
                .is_some_and(|text| !matches!(text, "" | "0.0.0.0"))
        };
        set("server") || set("address")
    });
    let hotspot = scene.services().contains("hotspot")
        && matches!(
            service::state(scene.router, "hotspot"),
            State::On | State::Off
        );
    for (feature, used, how, grave) in [
        ("hotspot", hotspot, "a hotspot is set up", true),
        (
            "scheduler",
            !scheduled.is_empty(),
            "there are scheduled tasks",
            false,
        ),
        ("fetch", fetches, "a scheduled task fetches", false),
        ("email", mail, "an e-mail server is set", false),
    ] {
        if !used || !forbids(feature) {
            continue;
        }
        let what = format!("the router's device-mode forbids {feature}");
        let finding = if grave {
            Finding::error(Code::DeviceMode, what)
        } else {
            Finding::warning(Code::DeviceMode, what)
        };
        found.push(
            finding
                .seen(format!(
                    "/system device-mode: mode={} {feature}=no",
                    mode.get("mode").unwrap_or("?")
                ))
                .seen(how)
                .fix(format!(
                    "/system device-mode update {feature}=yes, then press the button or turn the \
                     power off and on within five minutes"
                )),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_what_its_branch_has() {
        let has = |name: &str, version: &str| {
            let known = VULNERABILITIES
                .iter()
                .find(|one| one.name.starts_with(name))
                .unwrap();
            known.affects(version.parse().unwrap())
        };
        for (name, version, affected) in [
            ("CVE-2026-84411", "7.23.5", true),
            ("CVE-2026-84411", "7.24", false),
            ("CVE-2026-84411", "6.49.22", true),
            ("CVE-2026-84411", "6.49.23", false),
            ("CVE-2026-86060", "7.24.1", true),
            ("CVE-2026-86060", "7.24.2", false),
            ("CVE-2026-86060", "7.23.3", true),
            ("CVE-2026-86060", "7.23.4", false),
            ("CVE-2026-86060", "7.22.9", true),
            ("CVE-2026-86060", "7.24.5", false),
            ("CVE-2018-14847", "6.42", true),
            ("CVE-2018-14847", "6.42.1", false),
            ("CVE-2018-14847", "6.40.8", false),
            ("CVE-2018-14847", "7.1", false),
        ] {
            assert_eq!(has(name, version), affected, "{name} {version}");
        }
    }
}
