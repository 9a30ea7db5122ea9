//! What was sent: lists, one execution, its event, sending again, and statistics.

macro_rules! executions {
    ([$($rest:ident)*] $($before:tt)*) => {
        collect! { [$($rest)*] $($before)*
            // The log
            log_title: "Executions", "Ausführungen";
            no_log_title: "No executions yet", "Noch keine Ausführungen";
            no_log_help: "As soon as an event matches one of your hooks, what was sent and what was answered stands here.", "Sobald ein Ereignis zu einem Ihrer Hooks passt, steht hier, was gesendet und was geantwortet wurde.";
            status: "Status", "Status";
            event_type: "Event type", "Ereignistyp";
            event_id: "Event", "Ereignis";
            hook: "Hook", "Hook";
            attempts: "Attempts", "Versuche";
            code: "Code", "Code";
            answer: "Answer", "Antwort";
            last_change: "Last change", "Letzte Änderung";
            more_on_next_page: "There may be more on the next page.", "Auf der nächsten Seite kann es weitere geben.";
            status_pending: "Pending", "Anstehend";
            status_retrying: "Retrying", "Wird wiederholt";
            status_succeeded: "Succeeded", "Erfolgreich";
            status_failed: "Failed", "Fehlgeschlagen";
            status_skipped: "Skipped", "Übersprungen";
            status_waiting: "Waiting", "Wartet";
            status_deleted: "Deleted", "Gelöscht";
            waiting_here: "{count} executions wait meanwhile. They go out once it is enabled.", "{count} Ausführungen warten inzwischen. Sie gehen hinaus, sobald er aktiviert wird.";
            waits_until: "Waits until", "Wartet bis";
            cancel_delivery: "Cancel", "Abbrechen";
            cancel_question: "It is not sent any more, unless somebody sends it again.", "Es wird nicht mehr gesendet, außer jemand sendet es erneut.";
            cancel_done: "It is cancelled.", "Es ist abgebrochen.";
            pause_live: "Pause live update", "Aktualisierung anhalten";
            by_time: "Period", "Zeitraum";
            last_hour: "Last hour", "Letzte Stunde";
            last_24_hours: "Last 24 hours", "Letzte 24 Stunden";
            last_7_days: "Last 7 days", "Letzte 7 Tage";
            last_30_days: "Last 30 days", "Letzte 30 Tage";
            last_year: "Last year", "Letztes Jahr";
            exact_times: "Exact times", "Genaue Zeiten";
            since: "From", "Ab";
            until: "Before", "Vor";
            in_zone: "In {zone}", "In {zone}";
            no_time: "expected a date and a time", "Datum und Uhrzeit erwartet";
            select: "Select", "Auswählen";
            send_selected: "Send selected again", "Auswahl erneut senden";
            details: "Details", "Details";

            // A delivery
            delivery: "Execution", "Ausführung";
            overview: "Overview", "Übersicht";
            earlier_attempts: "Of earlier attempts, what was sent and answered is shown by the API.", "Was bei früheren Versuchen gesendet und geantwortet wurde, zeigt die API.";
            attempt_number: "Attempt {n}", "Versuch {n}";
            answered_with: "answered with {code}", "beantwortet mit {code}";
            not_answered: "no answer: {why}", "keine Antwort: {why}";
            took: "after {time}", "nach {time}";
            trigger_first: "first attempt", "erster Versuch";
            trigger_retry: "retry", "Wiederholung";
            trigger_manual: "sent again by hand", "von Hand erneut gesendet";
            trigger_replay: "sent again with others", "mit anderen erneut gesendet";
            trigger_test: "test", "Test";
            next_attempt: "Next attempt {time}", "Nächster Versuch {time}";
            request: "Request", "Anfrage";
            response: "Answer", "Antwort";
            headers: "Headers", "Header";
            body: "Body", "Inhalt";
            as_curl: "As curl command", "Als curl-Befehl";
            request_missing: "The request can no longer be shown: {why}", "Die Anfrage kann nicht mehr gezeigt werden: {why}";
            no_body: "No body was kept.", "Es wurde kein Inhalt aufbewahrt.";
            retry: "Retry", "Erneut senden";
            retry_done: "It is being sent once more.", "Es wird noch einmal gesendet.";
            sent_again_done: "The selected executions are being sent once more.", "Die ausgewählten Ausführungen werden noch einmal gesendet.";
            none_selected: "Nothing was selected, and nothing is sent.", "Nichts war ausgewählt, und nichts wird gesendet.";
            some_not_sent: "Some of the selected could not be sent again.", "Einige der ausgewählten konnten nicht erneut gesendet werden.";
            why_here: "Why did it go there?", "Warum ging es dorthin?";
            reason: "Reason", "Grund";

            // An event
            event_title: "Event {id}", "Ereignis {id}";
            event_data: "Data", "Daten";
            no_data: "The data was removed.", "Die Daten wurden entfernt.";
            accepted_at: "Published", "Veröffentlicht";
            each_hook: "What became of it at each hook", "Was an jedem Hook daraus wurde";
            verdict_chosen: "Sent", "Gesendet";
            verdict_not: "Not sent", "Nicht gesendet";
            condition: "{path} is {value}, expected {rules}", "{path} ist {value}, erwartet {rules}";

            // Send again
            again_help: "First it is counted how many that are. Nothing is sent until you say so.", "Zuerst wird gezählt, wie viele es sind. Nichts wird gesendet, bevor Sie es sagen.";
            again_which: "Which", "Welche";
            again_failed: "All that failed", "Alle fehlgeschlagenen";
            again_undelivered: "All that did not arrive: failed, skipped or waiting", "Alle, die nicht ankamen: fehlgeschlagen, übersprungen oder wartend";
            again_waiting: "All that wait since it was disabled", "Alle, die warten, seit er deaktiviert wurde";
            again_missing: "All that it missed, such as those before it was made", "Alle, die er nicht erhielt, etwa aus der Zeit vor ihm";
            again_skipped: "All that were skipped while it was disabled", "Alle, die übersprungen wurden, während er deaktiviert war";
            again_range: "All, also those that succeeded", "Alle, auch erfolgreiche";
            again_since: "Not older than", "Nicht älter als";
            again_count: "Count", "Zählen";
            again_counting: "Counting", "Wird gezählt";
            again_sending: "Sending again", "Wird erneut gesendet";
            again_found: "{n} would be sent again.", "{n} würden erneut gesendet.";
            again_found_none: "There is nothing to send again.", "Es gibt nichts erneut zu senden.";
            again_send: "Send {n} again", "{n} erneut senden";
            again_cancel: "Cancel", "Abbrechen";
            again_finished: "Done: {sent} sent again, {skipped} left out, {failed} could not be sent.", "Fertig: {sent} erneut gesendet, {skipped} ausgelassen, {failed} nicht gesendet.";
            again_cancelled: "Cancelled after {sent}.", "Nach {sent} abgebrochen.";
            again_failed_state: "It broke off: {why}", "Es brach ab: {why}";
            again_can_leave: "It goes on without this page; you can leave it and come back.", "Es läuft ohne diese Seite weiter; Sie können sie verlassen und wiederkommen.";
            again_former: "Earlier", "Frühere";

            // Statistics
            statistics: "Statistics", "Statistik";
            attempts_over_time: "Attempts over time", "Versuche im Zeitverlauf";
            durations_over_time: "Durations over time", "Dauern im Zeitverlauf";
            attempts_summed: "Attempts: {attempts}, not successful: {failed}; at most {most} in one interval", "Versuche: {attempts}, ohne Erfolg: {failed}; höchstens {most} in einem Abschnitt";
            longest_duration: "Up to {time}", "Bis zu {time}";
            nothing_attempted: "Nothing was attempted in this period.", "In diesem Zeitraum wurde nichts versucht.";
            counted_until: "There is more to count; load the page again. Counted up to", "Es gibt mehr zu zählen; laden Sie die Seite erneut. Gezählt bis";
            successful: "Successful", "Erfolgreich";
            unsuccessful: "Not successful", "Ohne Erfolg";
            failed_for_good: "Failed for good", "Endgültig fehlgeschlagen";
            as_table: "As a table", "Als Tabelle";
            begins: "Begins", "Beginn";
            by_code: "By status code", "Nach Statuscode";
            by_type: "By event type", "Nach Ereignistyp";
            by_hook: "By hook", "Nach Hook";
            without_answer: "no answer", "keine Antwort";
            others: "others", "andere";
            share: "Share", "Anteil";
        }
    };
}
