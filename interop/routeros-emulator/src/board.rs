//! The devices the emulator can be.

use std::fmt;

use crate::{Record, Release};

/// A device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Board {
    /// A virtual machine: all packages, four Ethernet interfaces, nothing configured.
    Chr,
    /// hAP ac², with the older `wireless` package, configured as a home router.
    HapAc2,
    /// hAP ax², with the newer `wifi`, configured as a home router. RouterOS 7 only.
    HapAx2,
}

impl Board {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chr, Self::HapAc2, Self::HapAx2];

    /// The device one would find this version on.
    pub fn usual(release: Release) -> Self {
        if release.is_six() {
            Self::HapAc2
        } else {
            Self::HapAx2
        }
    }

    /// Of `CHR`, `hAP-ac2`, `hAP-ax2`, in whatever case.
    pub fn named(text: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|board| board.name().eq_ignore_ascii_case(text))
    }

    /// As the command line writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chr => "CHR",
            Self::HapAc2 => "hAP-ac2",
            Self::HapAx2 => "hAP-ax2",
        }
    }

    /// What `/system/resource` says of the device, apart from what changes.
    pub(crate) fn resource(self) -> Record {
        let (cpu, count, architecture, name, memory, disk) = match self {
            Self::Chr => ("QEMU", "1", "x86_64", "CHR", 268_435_456, 93_564_928),
            Self::HapAc2 => ("ARM", "4", "arm", "hAP ac^2", 134_217_728, 16_777_216),
            Self::HapAx2 => (
                "ARM64",
                "4",
                "arm64",
                "hAP ax^2",
                1_073_741_824,
                134_217_728,
            ),
        };
        Record::new()
            .with("free-memory", (memory / 3 * 2).to_string())
            .with("total-memory", memory.to_string())
            .with("cpu", cpu)
            .with("cpu-count", count)
            .with("cpu-frequency", "896")
            .with("cpu-load", "1")
            .with("free-hdd-space", (disk / 4 * 3).to_string())
            .with("total-hdd-space", disk.to_string())
            .with("architecture-name", architecture)
            .with("board-name", name)
            .with("platform", "MikroTik")
    }

    /// The model number of `/system/routerboard`. A virtual machine has none.
    pub(crate) fn model(self) -> Option<&'static str> {
        match self {
            Self::Chr => None,
            Self::HapAc2 => Some("RBD52G-5HacD2HnD"),
            Self::HapAx2 => Some("C52iG-5HaxD2HaxD"),
        }
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
