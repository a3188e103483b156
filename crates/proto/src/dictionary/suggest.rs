use super::{Dictionary, builtin};

/// Names longer than this are compared by their start only, which bounds the work.
const LONGEST: usize = 64;

impl Dictionary {
    /// The attribute name nearest to a mistyped one, or `None` where none is near: at most a third
    /// of its letters may differ. Costs time proportional to the size of the dictionary.
    pub fn suggest(&self, name: &str) -> Option<String> {
        let names = self.builtin.then(builtin::names).into_iter().flatten();
        let builtin = names.map(|name| -> &str { name });
        let own = self.entries.iter().map(|entry| entry.name.as_str());
        nearest(name, builtin.chain(own))
    }

    /// As [`Self::suggest`], among the names of an attribute's values.
    pub fn suggest_value(&self, oid: &crate::Oid, name: &str) -> Option<String> {
        nearest(name, self.values(oid).map(|(_, name)| name))
    }
}

/// The nearest of `names`, the first where several are.
fn nearest<T: AsRef<str>>(name: &str, names: impl Iterator<Item = T>) -> Option<String> {
    let wanted = letters(name);
    let mut limit = wanted.len() / 3;
    let mut best = None;
    for candidate in names {
        let letters = candidate.as_ref().len().min(LONGEST);
        if letters.abs_diff(wanted.len()) > limit {
            continue;
        }
        if let Some(distance) = distance(&wanted, &self::letters(candidate.as_ref()), limit) {
            best = Some(candidate.as_ref().to_owned());
            let Some(nearer) = distance.checked_sub(1) else {
                break;
            };
            limit = nearer;
        }
    }
    best
}

fn letters(name: &str) -> Vec<u8> {
    let lower = |octet: u8| {
        if octet == b'_' {
            b'-'
        } else {
            octet.to_ascii_lowercase()
        }
    };
    name.bytes().take(LONGEST).map(lower).collect()
}

/// The Levenshtein distance, or `None` beyond `limit`.
fn distance(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    let mut row: [usize; LONGEST + 1] = std::array::from_fn(|column| column);
    let row = row.get_mut(..=b.len())?;
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        let mut least = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
            least = least.min(row[j + 1]);
        }
        if least > limit {
            return None;
        }
    }
    row.last().copied().filter(|found| *found <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_in_any_case() {
        let names = ["Session-Timeout", "Idle-Timeout", "User-Name"];
        assert_eq!(
            nearest("session-timout", names.iter()).as_deref(),
            Some("Session-Timeout")
        );
        assert_eq!(
            nearest("User_Name", names.iter()).as_deref(),
            Some("User-Name")
        );
        assert_eq!(nearest("Quite-Different", names.iter()), None);
        assert_eq!(nearest("", names.iter()), None);
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance(b"kitten", b"sitting", 9), Some(3));
        assert_eq!(distance(b"kitten", b"sitting", 2), None);
        assert_eq!(distance(b"", b"abc", 3), Some(3));
    }
}
