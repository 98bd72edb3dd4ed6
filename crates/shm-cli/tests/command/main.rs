//! The command as its users run it: real processes, in a `/dev/shm` of their own.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

mod doctor;
mod documents;
mod files;
mod hostile;
mod listing;
mod pages;
mod removing;
mod run;
mod screen;
mod show;
mod terminal;
mod watching;

fn main() {
    let tests: &[(&str, fn())] = &[
        ("what_there_is_is_listed", listing::listed),
        ("what_is_told_of_one", listing::one),
        ("a_memfd_of_another_process_is_listed", listing::memfds),
        ("without_a_folder_for_names", listing::nowhere),
        ("an_array_without_a_name_is_listed", listing::nameless),
        ("the_locks_of_an_array_are_told", listing::locks),
        ("garbage_is_told_and_collected", removing::garbage),
        ("names_are_removed", removing::names),
        ("what_is_no_array_is_not_removed", removing::others),
        ("what_may_not_be_looked_at_is_not_removed", removing::hidden),
        ("each_name_is_tried", removing::several),
        ("odd_names_are_removed", removing::odd_names),
        ("arrays_of_others_are_told", removing::of_others),
        ("exit_codes", run::exit_codes),
        ("a_reader_that_goes_is_no_failure", run::closed_pipe),
        ("output_that_cannot_be_written_is_one", run::full),
        ("help_teaches", pages::help),
        ("completions_are_what_shells_understand", pages::completions),
        ("manual_pages_are_what_man_understands", pages::manual),
        ("colours_are_for_terminals", terminal::colours),
        ("one_line_for_each_array_in_narrow_terminals", terminal::widths),
        ("elements_fit_the_terminal", terminal::elements),
        ("nobody_commands_the_terminal", terminal::control_characters),
        ("snapshots_for_programs", watching::snapshots),
        ("a_reader_that_goes_ends_it", watching::reader),
        ("a_table_redrawn_in_place", watching::redrawn),
        ("keys_scroll_sort_and_end", watching::keys),
        ("nothing_remains_after_a_resize", watching::resized),
        ("lists_are_filtered_and_sorted", listing::filtered),
        ("files_come_and_go", files::round_trips),
        ("members_of_archives", files::members),
        ("a_name_that_is_taken", files::taken),
        ("what_is_no_array_is_not_replaced", files::foreign),
        ("files_that_have_no_place", files::nowhere),
        ("the_environment_moves_no_file", files::environment),
        ("killed_while_it_loads", files::killed),
        ("no_space_to_load", files::small),
        ("a_truncated_array_is_not_saved", files::truncated),
        ("paths_that_are_not_utf8", files::odd_paths),
        ("what_is_done_and_cannot_be_told", files::unheard),
        ("errors_have_no_temporary_names", files::temporary_names),
        ("elements_are_printed", show::printed),
        ("a_tebibyte_costs_its_corners", show::sparse),
        ("names_and_slices_that_are_none", show::mistaken),
        ("pictures", show::drawn),
        ("images", show::images),
        ("what_cannot_be_drawn", show::undrawn),
        ("a_picture_beyond_the_limit_of_files", show::limited),
        ("a_healthy_machine", doctor::healthy),
        ("a_small_machine", doctor::small),
        ("a_machine_that_refuses", doctor::refusing),
        ("a_wrong_setting", doctor::nonsense),
        ("a_machine_that_hides_itself", doctor::hidden),
        ("documents_show_what_commands_print", documents::commands),
        ("no_code_of_documents_is_left_unrun", documents::languages),
        ("shell_of_documents_succeeds", documents::shell),
        ("manifests_of_documents_are_right", documents::manifests),
        ("hostile_files", hostile::files),
        ("files_that_change_while_they_are_read", hostile::changing),
    ];
    shm_conformance::process::main(&[("hold", |_| removing::hold())], tests);
}
