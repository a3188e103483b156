//! Guessing what somebody meant to write.

/// The candidate nearest to a word, if one is near enough to be worth saying.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = word.to_lowercase();
    let far = (folded.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(folded.len()) <= far * 4)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&folded, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_fingers_is_recognised() {
        let names = ["anna", "tim", "Session-Timeout"];
        assert_eq!(nearest("tmi", names), Some("tim"));
        assert_eq!(nearest("session-timeuot", names), Some("Session-Timeout"));
    }

    #[test]
    fn something_else_altogether_is_not_guessed_at() {
        assert_eq!(nearest("zebra", ["anna", "tim"]), None);
        assert_eq!(nearest("", ["anna", "tim"]), None);
    }
}
