//! `portreeve decode`: what is in a packet or a capture, and whether it is authentic.

mod capture;
mod hex;
mod input;
mod link;
mod pairing;
pub(crate) mod show;

use std::{
    io::{self, Read},
    net::SocketAddr,
    ops::ControlFlow,
};

use clap::Args;
use portreeve_proto::{
    Packet,
    inspect::{Fault, Side},
};
use serde_json::{Map, Value as Json, json};

use self::{
    capture::{CaptureError, Datagram, Tally},
    input::{Input, InputError},
    pairing::{Pairing, Place, Relation},
    show::{Seen, View},
};
use super::send::{
    pairs::{BadDictionary, DictionaryArguments},
    secret::{SecretArguments, SecretError},
};
use crate::{
    cli::Context,
    failure::Failure,
    output::{Colour, Output},
};

/// Ports that RADIUS uses and has used: authentication, accounting, dynamic authorisation.
const PORTS: [u16; 6] = [1812, 1813, 1645, 1646, 3799, 1700];

/// What to decode.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A packet in hexadecimal digits; or a file of them, of one packet, or a capture (pcap,
    /// pcapng); or - for standard input
    #[arg(value_name = "HEX|FILE|PCAP|-", allow_hyphen_values = true)]
    input: String,
    #[command(flatten)]
    secret: SecretArguments,
    /// The request that an answer belongs to, in hexadecimal digits
    #[arg(long, value_name = "HEX")]
    request: Option<String>,
    /// A port that packets of a capture come from or go to. May be repeated
    /// [default: 1812, 1813, 1645, 1646, 3799, 1700]
    #[arg(long = "port", value_name = "PORT")]
    ports: Vec<u16>,
    #[command(flatten)]
    dictionary: DictionaryArguments,
    /// Print JSON, one packet a line
    #[arg(long)]
    json: bool,
}

/// Why there is nothing decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Dictionary(#[from] BadDictionary),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("cannot print")]
    Output(#[from] io::Error),
    #[error("--request: {0}")]
    Request(InputError),
    #[error("--request is malformed: {0}")]
    RequestFault(Fault),
    #[error("--request is no request but an answer")]
    RequestSide,
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Output(error) => Self::Output(error),
            error => Self::Decode(error),
        }
    }
}

impl DecodeError {
    /// Whether the command line is wrong.
    pub(crate) const fn is_usage(&self) -> bool {
        match self {
            Self::Input(error) => error.is_usage(),
            Self::Request(_) | Self::RequestFault(_) | Self::RequestSide | Self::Secret(_) => true,
            Self::Capture(_) | Self::Dictionary(_) | Self::Output(_) => false,
        }
    }
}

/// Decodes, and tells by the exit code whether all is well.
pub(crate) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    if decode(arguments, &mut io::stdin().lock(), &mut context.output)? {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

/// Decodes; `true` where every packet is well-formed and no authenticator is wrong.
fn decode(
    arguments: &Arguments,
    stdin: &mut dyn Read,
    output: &mut Output<'_>,
) -> Result<bool, DecodeError> {
    let dictionary = arguments.dictionary.load()?;
    let secret = arguments.secret.find()?;
    let request = arguments.request.as_deref().map(request).transpose()?;
    let input = input::open(&arguments.input, stdin)?;
    let mut decoder = Decoder {
        view: View {
            dictionary: &dictionary,
            secret: secret.as_ref(),
            show_secrets: true,
        },
        request,
        json: arguments.json,
        pairing: Pairing::default(),
        sum: Sum::default(),
    };
    match input {
        Input::Packets(packets) => {
            for (index, packet) in packets.iter().enumerate() {
                let place = Place {
                    number: index as u64 + 1,
                    ..Place::default()
                };
                decoder.packet(packet, place, 0, output)?;
            }
            decoder.conclude(output)?;
        }
        Input::Capture(source) => {
            let ports = if arguments.ports.is_empty() {
                &PORTS
            } else {
                arguments.ports.as_slice()
            };
            decoder.capture(source, ports, output)?;
        }
    }
    Ok(decoder.sum.is_good())
}

fn request(text: &str) -> Result<Vec<u8>, DecodeError> {
    let octets = input::argument(text).map_err(DecodeError::Request)?;
    if let Some(fault) = Fault::find(&octets) {
        return Err(DecodeError::RequestFault(fault));
    }
    match Packet::parse(&octets).map(|packet| Side::of(packet.code())) {
        Ok(Some(Side::Answer)) => Err(DecodeError::RequestSide),
        _ => Ok(octets),
    }
}

struct Decoder<'a> {
    view: View<'a>,
    request: Option<Vec<u8>>,
    json: bool,
    pairing: Pairing,
    sum: Sum,
}

/// What was seen.
#[derive(Debug, Default)]
struct Sum {
    packets: u64,
    malformed: u64,
    repeated: u64,
    orphans: u64,
    /// Packets of which an authenticator holds, and of which one does not.
    proven: u64,
    wrong: u64,
    /// Packets with a password that is none, and nothing that proves the secret.
    rubbish: u64,
    /// Packets with a password that is text, and nothing that proves the secret.
    plausible: u64,
    hidden: usize,
}

impl Sum {
    const fn is_good(&self) -> bool {
        self.packets > 0 && self.malformed == 0 && self.wrong == 0 && self.rubbish == 0
    }
}

impl Decoder<'_> {
    fn capture(
        &mut self,
        source: Box<dyn Read + Send>,
        ports: &[u16],
        output: &mut Output<'_>,
    ) -> Result<(), DecodeError> {
        let mut printed = Ok(());
        let is_wanted = |end: SocketAddr| ports.contains(&end.port());
        let (tally, read) = capture::read(source, &mut |datagram: Datagram<'_>| {
            if !is_wanted(datagram.from) && !is_wanted(datagram.to) {
                return ControlFlow::Continue(());
            }
            let place = Place {
                number: datagram.frame,
                time: datagram.time,
                ends: Some((datagram.from, datagram.to)),
            };
            printed = self.packet(datagram.payload, place, datagram.missing, output);
            if printed.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        printed?;
        self.conclude(output)?;
        self.conclude_capture(tally, ports, output)?;
        Ok(read?)
    }

    fn packet(
        &mut self,
        octets: &[u8],
        place: Place,
        missing: u32,
        output: &mut Output<'_>,
    ) -> Result<(), DecodeError> {
        self.sum.packets += 1;
        if let Some(fault) = Fault::find(octets) {
            self.sum.malformed += 1;
            return Ok(self.malformed(octets, fault, place, missing, output)?);
        }
        let Ok(packet) = Packet::parse(octets) else {
            return Ok(());
        };
        let relation = self.pairing.see(&packet, place);
        let paired = self.pairing.request_of(&packet, place);
        let request = paired.or(self.request.as_deref()).map(Packet::parse);
        let request = request.and_then(Result::ok);
        let seen = self.view.of(&packet, request.as_ref());
        let padding = octets.len() - packet.octets().len();
        self.count(&seen, relation);
        if self.json {
            let mut object = at(place);
            object.append(&mut seen.json());
            object.insert("relation".to_owned(), relation_json(relation));
            object.insert("padding".to_owned(), padding.into());
            return Ok(output.json_line(&Json::Object(object))?);
        }
        heading(&seen.heading(), place, output)?;
        attributes(&seen, output)?;
        for (name, verdict) in seen.verdicts() {
            let colour = match verdict {
                "valid" => Colour::Green,
                wrong if wrong.starts_with("WRONG") => Colour::Red,
                _ => Colour::Bold,
            };
            let verdict = output.style().paint(colour, verdict).into_owned();
            output.line(format!("  {name}: {verdict}"))?;
        }
        if let Some(words) = relation_words(relation, self.request.is_some()) {
            output.line(format!("  {words}"))?;
        }
        if padding > 0 {
            output.line(format!("  {padding} octets of padding follow the packet"))?;
        }
        Ok(output.line("")?)
    }

    fn count(&mut self, seen: &Seen<'_>, relation: Relation) {
        match relation {
            Relation::Retransmission { .. } | Relation::AnswerAgain { .. } => {
                self.sum.repeated += 1;
            }
            Relation::Orphan => self.sum.orphans += 1,
            Relation::Answer { .. } | Relation::Request => {}
        }
        self.sum.hidden += seen.hidden();
        match seen.inspection {
            Some(inspection) if show::is_wrong(inspection) => self.sum.wrong += 1,
            Some(inspection) if show::is_proven(inspection) => self.sum.proven += 1,
            _ if seen.has_rubbish() => self.sum.rubbish += 1,
            _ if seen.has_revealed_text() => self.sum.plausible += 1,
            _ => {}
        }
    }

    /// Shows what can be read before the fault.
    fn malformed(
        &self,
        octets: &[u8],
        fault: Fault,
        place: Place,
        missing: u32,
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        let mut whole = fault
            .attribute_offset()
            .map(|offset| octets[..offset].to_vec());
        if let Some(whole) = &mut whole {
            let length = u16::try_from(whole.len()).unwrap_or(u16::MAX).to_be_bytes();
            whole[2..4].copy_from_slice(&length);
        }
        // The authenticators of a cut packet say nothing.
        let view = View {
            secret: None,
            ..self.view
        };
        let before = whole.as_ref().and_then(|whole| Packet::parse(whole).ok());
        let before = before.map(|packet| view.of(&packet, None));
        let cut = missing > 0;
        if self.json {
            let mut object = at(place);
            if let Some(before) = &before {
                object.append(&mut before.json());
            }
            object.insert("malformed".to_owned(), fault.to_string().into());
            object.insert("cut_by_capture".to_owned(), cut.into());
            object.insert("octets".to_owned(), show::digits(octets).into());
            return output.json_line(&Json::Object(object));
        }
        let code = octets.first().map(|code| portreeve_proto::Code(*code));
        let code = code.map_or_else(|| "nothing".to_owned(), |code| code.to_string());
        let what = format!("{code}, malformed, {} octets arrived", octets.len());
        heading(&what, place, output)?;
        if let Some(before) = &before {
            attributes(before, output)?;
        }
        let words = output.style().paint(Colour::Red, "malformed").into_owned();
        output.line(format!("  {words} at {fault}"))?;
        if cut {
            let hint = "capture whole packets: tcpdump -s 0";
            output.line(format!(
                "  the capture did not keep {missing} octets of it; {hint}"
            ))?;
        }
        output.line("")
    }

    /// What the secret is worth, and what was left hidden.
    fn conclude(&self, output: &mut Output<'_>) -> io::Result<()> {
        let Sum {
            proven,
            wrong,
            rubbish,
            hidden,
            ..
        } = self.sum;
        match (self.view.secret, proven, wrong, rubbish) {
            (None, ..) if hidden > 0 => output.note(format!(
                "{hidden} hidden values; with --secret they are revealed"
            )),
            (Some(_), 0, 1.., _) => {
                output.warn("the secret is wrong: not one authenticator verifies with it")
            }
            (Some(_), 1.., 1.., _) => output.warn(format!(
                "{wrong} packets do not verify, {proven} do: another secret, or a forgery"
            )),
            (Some(_), 0, 0, 1..) => output.warn(
                "the secret is probably wrong: what it reveals is no text, and no authenticator \
                 can be verified",
            ),
            (Some(_), 0, 0, 0) if self.sum.plausible > 0 => output.note(
                "the secret is probably right: what it reveals is text; no authenticator can \
                 show it",
            ),
            (Some(_), 0, 0, 0) if self.sum.packets > self.sum.malformed => {
                output.note("nothing in there can show whether the secret is right")
            }
            _ => Ok(()),
        }
    }

    fn conclude_capture(
        &self,
        tally: Tally,
        ports: &[u16],
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        let Sum {
            packets,
            malformed,
            repeated,
            orphans,
            ..
        } = self.sum;
        let frames = tally.frames;
        if packets == 0 {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            let ports = ports.join(", ");
            output.warn(format!(
                "no packet in {frames} frames comes from or goes to the UDP ports {ports}; \
                 other ports: --port"
            ))?;
        } else {
            let unanswered = self.pairing.unanswered();
            output.note(format!(
                "{packets} packets in {frames} frames: {malformed} malformed, {repeated} sent \
                 again, {unanswered} requests without an answer, {orphans} answers without a \
                 request"
            ))?;
        }
        if tally.fragments > 0 {
            let fragments = tally.fragments;
            output.warn(format!(
                "{fragments} frames hold fragments of UDP datagrams, which are not put together \
                 here"
            ))?;
        }
        if tally.unknown_links > 0 {
            let unknown = tally.unknown_links;
            output.warn(format!(
                "{unknown} frames come from a kind of link that is not read"
            ))?;
        }
        Ok(())
    }
}

fn heading(what: &str, place: Place, output: &mut Output<'_>) -> io::Result<()> {
    let mut parts = vec![place.number.to_string()];
    parts.extend(place.time.map(|time| time.to_string()));
    parts.extend(place.ends.map(|(from, to)| format!("{from} -> {to}")));
    parts.push(what.to_owned());
    let heading = parts.join("  ");
    let heading = output.style().paint(Colour::Bold, &heading).into_owned();
    output.line(heading)
}

fn attributes(seen: &Seen<'_>, output: &mut Output<'_>) -> io::Result<()> {
    let lines = seen.lines();
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in &lines {
        output.line(format!("    {name:width$} = {value}"))?;
    }
    Ok(())
}

fn at(place: Place) -> Map<String, Json> {
    let mut object = Map::new();
    object.insert("number".to_owned(), place.number.into());
    if let Some(time) = place.time {
        object.insert("time".to_owned(), time.to_string().into());
    }
    if let Some((from, to)) = place.ends {
        object.insert("from".to_owned(), from.to_string().into());
        object.insert("to".to_owned(), to.to_string().into());
    }
    object
}

fn relation_words(relation: Relation, request_given: bool) -> Option<String> {
    Some(match relation {
        Relation::Answer {
            to,
            after: Some(microseconds),
        } => {
            let (whole, rest) = (microseconds / 1000, (microseconds % 1000).abs());
            format!("answers packet {to} after {whole}.{rest:03} ms")
        }
        Relation::Answer { to, after: None } => format!("answers packet {to}"),
        Relation::AnswerAgain { to, first, same } => {
            let same = if same {
                "the same as"
            } else {
                "not the same as"
            };
            format!("answers packet {to} once more, {same} packet {first}")
        }
        Relation::Orphan if request_given => return None,
        Relation::Orphan => "its request was not seen".to_owned(),
        Relation::Request => return None,
        Relation::Retransmission { of } => format!("packet {of} sent again"),
    })
}

fn relation_json(relation: Relation) -> Json {
    match relation {
        Relation::Answer { to, after } => {
            json!({"kind": "answer", "to": to, "after_us": after})
        }
        Relation::AnswerAgain { to, first, same } => {
            json!({"kind": "answer_again", "to": to, "first": first, "same": same})
        }
        Relation::Orphan => json!({"kind": "orphan"}),
        Relation::Request => json!({"kind": "request"}),
        Relation::Retransmission { of } => json!({"kind": "retransmission", "of": of}),
    }
}
