//! The queries of the API: `?name`, `?-name`, `?name=x`, `?<name=x`, `?>name=x`, `?#..`.

use std::cmp::Ordering;

use crate::Record;

/// Whether an item fits all query words. Words push results onto a stack, `?#` works on it, and
/// what is left must all hold. `None` where a word makes no sense.
pub(crate) fn fits(words: &[String], record: &Record) -> Option<bool> {
    let mut stack: Vec<bool> = Vec::new();
    for word in words {
        match word.strip_prefix('#') {
            Some(operations) => operate(operations, &mut stack)?,
            None => stack.push(test(word, record)),
        }
    }
    Some(stack.iter().all(|fits| *fits))
}

fn test(word: &str, record: &Record) -> bool {
    if let Some(name) = word.strip_prefix('-') {
        return record.get(name).is_none();
    }
    let (order, word) = match word.as_bytes().first() {
        Some(b'<') => (Ordering::Less, &word[1..]),
        Some(b'>') => (Ordering::Greater, &word[1..]),
        Some(b'=') => (Ordering::Equal, &word[1..]),
        _ => (Ordering::Equal, word),
    };
    let Some((name, value)) = word.split_once('=') else {
        return record.get(word).is_some();
    };
    let Some(known) = record.get(name) else {
        return false;
    };
    compare(known, value) == order
}

/// As numbers or spans where both are, else as texts. `yes` is `true`.
fn compare(known: &str, value: &str) -> Ordering {
    if let (Ok(known), Ok(value)) = (known.parse::<i64>(), value.parse::<i64>()) {
        return known.cmp(&value);
    }
    let value = match (known, value) {
        ("true" | "false", "yes") => "true",
        ("true" | "false", "no") => "false",
        (_, value) => value,
    };
    let spans = (
        crate::value::milliseconds(known),
        crate::value::milliseconds(value),
    );
    if let (Some(known), Some(value)) = spans {
        return known.cmp(&value);
    }
    known.cmp(value)
}

/// `!` turns the last result, `&` and `|` join the last two. A number counts from the last, which
/// is 0: before another letter it copies the result there, at the end of the word it is all that
/// stays. A full stop ends a number; a lone one copies the last result.
fn operate(operations: &str, stack: &mut Vec<bool>) -> Option<()> {
    let mut number: Option<usize> = None;
    let at = |number: usize, stack: &[bool]| {
        let place = stack.len().checked_sub(number)?.checked_sub(1)?;
        stack.get(place).copied()
    };
    for letter in operations.chars() {
        if let Some(digit) = letter.to_digit(10) {
            let digit = usize::try_from(digit).ok()?;
            let known = number.unwrap_or(0).checked_mul(10)?;
            number = Some(known.checked_add(digit)?);
            continue;
        }
        let copied = number.take();
        if let Some(number) = copied {
            stack.push(at(number, stack)?);
        }
        match letter {
            '!' => {
                let last = stack.pop()?;
                stack.push(!last);
            }
            '&' => {
                let (right, left) = (stack.pop()?, stack.pop()?);
                stack.push(left && right);
            }
            '|' => {
                let (right, left) = (stack.pop()?, stack.pop()?);
                stack.push(left || right);
            }
            '.' if copied.is_some() => {}
            '.' => stack.push(at(0, stack)?),
            _ => return None,
        }
    }
    if let Some(number) = number {
        *stack = vec![at(number, stack)?];
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(words: &[&str]) -> Option<bool> {
        let record = Record::new()
            .with("type", "ether")
            .with("mtu", "1500")
            .with("disabled", "true")
            .with("comment", "");
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        fits(&words, &record)
    }

    #[test]
    fn words_test_properties() {
        assert_eq!(fit(&[]), Some(true));
        assert_eq!(fit(&["type"]), Some(true));
        assert_eq!(fit(&["-type"]), Some(false));
        assert_eq!(fit(&["-other"]), Some(true));
        assert_eq!(fit(&["type=ether"]), Some(true));
        assert_eq!(fit(&["=type=ether"]), Some(true));
        assert_eq!(fit(&["type=vlan"]), Some(false));
        assert_eq!(fit(&["<mtu=9000"]), Some(true));
        assert_eq!(fit(&[">mtu=9000"]), Some(false));
        assert_eq!(fit(&["disabled=yes"]), Some(true));
        assert_eq!(fit(&["type=ether", "type=vlan"]), Some(false));
    }

    #[test]
    fn operations_work_on_the_stack() {
        assert_eq!(fit(&["type=ether", "type=vlan", "#|"]), Some(true));
        assert_eq!(fit(&["type=ether", "type=vlan", "#&"]), Some(false));
        assert_eq!(fit(&["type=vlan", "#!"]), Some(true));
        assert_eq!(fit(&["type=ether", "type=vlan", "#|!"]), Some(false));
        // The last but one is copied, and joined with the last: both are false.
        assert_eq!(fit(&["type=vlan", "mtu=9", "#1|", "#!"]), Some(false));
        assert_eq!(fit(&["type=vlan", "mtu=1500", "#0"]), Some(true));
        assert_eq!(fit(&["type=vlan", "mtu=1500", "#1"]), Some(false));
        assert_eq!(fit(&["type=vlan", "#.!|"]), Some(true));
        assert_eq!(fit(&["type=ether", "mtu=1500", "#1.&&"]), Some(true));
        assert_eq!(fit(&["type=ether", "#&"]), None);
        assert_eq!(fit(&["#x"]), None);
        assert_eq!(fit(&["#7"]), None);
    }
}
