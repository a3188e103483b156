use std::cell::RefCell;

const STOCK: usize = 1024;

thread_local! {
    /// Asking the system for 16 octets costs as much as asking for many.
    static FRESH: RefCell<([u8; STOCK], usize)> = const { RefCell::new(([0; STOCK], STOCK)) };
}

/// 16 unpredictable octets, each of which is given out once; `None` where the system has none.
pub(super) fn octets() -> Option<[u8; 16]> {
    FRESH.with_borrow_mut(|(stock, used)| {
        if *used >= STOCK {
            getrandom::fill(stock).ok()?;
            *used = 0;
        }
        let mut taken = [0; 16];
        let source = stock.get_mut(*used..*used + 16)?;
        taken.swap_with_slice(source);
        *used += 16;
        Some(taken)
    })
}

/// As many unpredictable octets as are asked for, for what is not asked for at every request.
pub(crate) fn some_octets<const N: usize>() -> Option<[u8; N]> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).ok()?;
    Some(octets)
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_given_out_twice() {
        let taken: std::collections::HashSet<[u8; 16]> =
            (0..1000).filter_map(|_| super::octets()).collect();
        assert_eq!(taken.len(), 1000);
        assert!(!taken.contains(&[0; 16]));
    }
}
