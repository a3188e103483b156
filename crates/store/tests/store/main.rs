//! What every backend of the store does, whichever it is; and how the journal gets there.

#[cfg(test)]
mod accounting;
#[cfg(test)]
mod applying;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod flaky;
#[cfg(test)]
mod killing;
#[cfg(test)]
mod reports;

/// Runs every behaviour of the contract against the backend that `$open` gives. `$open` takes a
/// directory of its own for each test.
macro_rules! contract {
    ($backend:ident, $open:expr, $($area:ident: $($behaviour:ident),+;)+) => {
        #[cfg(test)]
        mod $backend {
            $($(
                #[test]
                fn $behaviour() {
                    let dir = tempfile::tempdir().unwrap();
                    let open: fn(&std::path::Path) -> Box<dyn portreeve_store::Backend> = $open;
                    crate::$area::$behaviour(open(dir.path()).as_mut());
                }
            )+)+
        }
    };
}

macro_rules! every_behaviour {
    ($backend:ident, $open:expr) => {
        contract! {
            $backend, $open,
            definitions:
                a_new_store_is_empty,
                a_definition_reads_back_as_it_was_put,
                creating_what_is_there_and_replacing_what_is_not_are_refused,
                names_are_octets_not_words,
                users_come_in_pages_and_by_group,
                a_group_in_use_stays,
                a_prefix_belongs_to_one_nas,
                over_tls_many_nases_may_share_a_prefix,
                a_pre_shared_key_identity_belongs_to_one_nas,
                a_nas_is_latched_once,
                a_previous_secret_is_kept_until_it_is_forgotten,
                each_change_is_told_once_with_its_present_state,
                a_refused_change_leaves_no_trace,
                who_lags_too_far_behind_reads_everything;
            devices:
                a_device_reads_back_as_it_was_put,
                a_device_is_created_once_and_replaced_where_it_is,
                devices_come_in_order_and_by_group,
                a_group_with_a_device_in_it_stays,
                a_changed_device_is_told_once,
                a_device_and_a_user_of_the_same_name_are_two;
            accounting:
                a_batch_is_written_as_a_whole,
                a_batch_that_was_applied_changes_nothing,
                what_a_batch_repeats_of_the_journal_is_left_out,
                a_retransmission_is_one_row,
                an_id_used_again_later_is_another_row,
                a_stamped_report_is_itself_whenever_it_comes,
                sessions_are_found_by_user_nas_and_state,
                a_session_is_replaced_by_its_newer_state,
                of_several_incarnations_the_last_is_given,
                rows_come_in_pages_and_by_session_and_user,
                unreadable_records_are_kept_as_they_are,
                any_report_survives_the_store;
        }
    };
}

every_behaviour!(sqlite_in_memory, |_| {
    Box::new(portreeve_store::Sqlite::in_memory().unwrap())
});

every_behaviour!(sqlite_on_disk, |dir| {
    Box::new(portreeve_store::Sqlite::open(&dir.join("portreeve.db")).unwrap())
});
