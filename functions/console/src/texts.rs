//! What the portal says, in each language. The console is in English.

mod chosen;

macro_rules! texts {
    ($($name:ident: $english:literal, $german:literal;)*) => {
        pub(crate) struct Texts {
            $(pub(crate) $name: &'static str,)*
        }

        pub(crate) static ENGLISH: Texts = Texts { $($name: $english,)* };
        pub(crate) static GERMAN: Texts = Texts { $($name: $german,)* };

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $german),)*];
    };
}

/// Puts values where a text has their names in braces.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, found)) = rest.split_once('{') {
        let Some((name, after)) = found.split_once('}') else { break };
        filled.push_str(before);
        filled.push_str(values.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

texts! {
    // The frame
    skip_to_content: "Skip to content", "Zum Inhalt springen";
    navigation: "Sections", "Bereiche";
    portal: "Webhooks", "Webhooks";
    nav_hooks: "Hooks", "Hooks";
    nav_log: "Executions", "Ausführungen";
    language: "Language", "Sprache";
    theme: "Appearance", "Darstellung";
    theme_auto: "As the system", "Wie das System";
    theme_light: "Light", "Hell";
    theme_dark: "Dark", "Dunkel";
    apply: "Apply", "Übernehmen";
    preferences: "Preferences", "Einstellungen";
    log_out: "Log out", "Abmelden";
    session_ends: "Your session ends {time}.", "Ihre Sitzung endet {time}.";
    stay_longer: "Stay longer", "Länger bleiben";
    back_to_app: "Back to the application", "Zurück zur Anwendung";
    logged_in_as: "Logged in as {user}", "Angemeldet als {user}";
    copy: "Copy", "Kopieren";
    copied: "Copied", "Kopiert";
    next_page: "Next page", "Nächste Seite";
    try_again: "Try again", "Erneut versuchen";
    to_the_start: "To the start page", "Zur Startseite";
    all: "All", "Alle";
    filter: "Filter", "Filtern";
    clear: "Clear", "Zurücksetzen";

    // Entering and leaving
    enter_title: "Opening", "Wird geöffnet";
    enter_wait: "One moment: your link is being checked.", "Einen Moment: Ihr Link wird geprüft.";
    enter_code: "Code", "Code";
    enter_by_hand: "If nothing happens, paste the part of your link after the # here.", "Falls nichts geschieht, fügen Sie hier den Teil Ihres Links nach dem # ein.";
    enter_button: "Continue", "Weiter";
    enter_refused: "This link cannot be used: it was used before, has ended, or is not complete. Ask for a new one.", "Dieser Link kann nicht verwendet werden: Er wurde schon benutzt, ist abgelaufen oder unvollständig. Fordern Sie einen neuen an.";
    ended_title: "Your session has ended", "Ihre Sitzung ist beendet";
    ended_help: "Open the portal again from the application that led you here. You come back to the page where you were.", "Öffnen Sie das Portal erneut aus der Anwendung, die Sie hierher geführt hat. Sie kommen auf die Seite zurück, auf der Sie waren.";

    // Failures
    failure_elsewhere: "This was sent from another site", "Das wurde von einer anderen Website gesendet";
    help_elsewhere: "Nothing was changed. Open the page here and do it again. If you did, your browser or a proxy hides where forms come from.", "Nichts wurde geändert. Öffnen Sie die Seite hier und versuchen Sie es erneut. Falls Sie das getan haben, verbirgt Ihr Browser oder ein Proxy, woher Formulare kommen.";
    failure_stale_form: "This form is of an earlier session", "Dieses Formular gehört zu einer früheren Sitzung";
    help_stale_form: "Nothing was changed. Go back, load the page again and send the form once more.", "Nichts wurde geändert. Gehen Sie zurück, laden Sie die Seite neu und senden Sie das Formular noch einmal.";
    failure_plain_http: "This address is not encrypted", "Diese Adresse ist nicht verschlüsselt";
    help_plain_http: "Sessions are given over https, or on this machine itself, because others on the way could read them. The operator has to put a reverse proxy with a certificate in front.", "Sitzungen gibt es nur über https oder auf dieser Maschine selbst, weil andere auf dem Weg sie lesen könnten. Der Betreiber muss einen Reverse-Proxy mit Zertifikat davorsetzen.";
    failure_forbidden: "You may not do this", "Das dürfen Sie nicht";
    help_forbidden: "Your session lacks the right for it. Who gave you the link can make one with more rights.", "Ihrer Sitzung fehlt das Recht dazu. Wer Ihnen den Link gegeben hat, kann einen mit mehr Rechten erstellen.";
    failure_not_found: "There is no such page", "Diese Seite gibt es nicht";
    help_not_found: "What it showed was deleted or has passed its retention, or the address is not complete.", "Was sie zeigte, wurde gelöscht oder ist nach der Aufbewahrungsfrist entfallen, oder die Adresse ist unvollständig.";
    failure_conflict: "Somebody else changed it at the same time", "Jemand anderes hat es gleichzeitig geändert";
    help_conflict: "Nothing of yours was saved. Load the page again, look at what is new, and repeat your change.", "Ihre Änderung wurde nicht gespeichert. Laden Sie die Seite neu, sehen Sie sich an, was neu ist, und wiederholen Sie Ihre Änderung.";
    failure_too_many: "Too many requests", "Zu viele Anfragen";
    help_too_many: "Wait a minute, then try again.", "Warten Sie eine Minute und versuchen Sie es dann erneut.";
    failure_unavailable: "The store does not answer", "Der Speicher antwortet nicht";
    help_unavailable: "This is our fault, not yours. Nothing was lost that was confirmed. The page tries again every 5 seconds by itself.", "Das liegt an uns, nicht an Ihnen. Nichts Bestätigtes ist verloren. Die Seite versucht es alle 5 Sekunden von selbst erneut.";
    failure_request: "This cannot be understood", "Das ist nicht zu verstehen";
    help_request: "The address or the form has a value that cannot be. Go back and change it.", "Die Adresse oder das Formular enthält einen unmöglichen Wert. Gehen Sie zurück und ändern Sie ihn.";
    failure_ours: "Something went wrong here", "Hier ist etwas schiefgegangen";
    help_ours: "This is our fault, not yours; it was logged. Try again in a while.", "Das liegt an uns, nicht an Ihnen; es wurde protokolliert. Versuchen Sie es später erneut.";

    // Hooks
    hooks_title: "Hooks", "Hooks";
    no_hooks_title: "No hooks yet", "Noch keine Hooks";
    no_hooks_help: "A hook is an address of yours that gets a request whenever something happens. Create one, choose its events, and run a test request.", "Ein Hook ist eine Adresse von Ihnen, die eine Anfrage erhält, sobald etwas geschieht. Erstellen Sie einen, wählen Sie seine Ereignisse und senden Sie eine Testanfrage.";
    enabled: "Enabled", "Aktiviert";
    disabled: "Disabled", "Deaktiviert";
    failing: "Failing", "Fehlerhaft";
    resting: "Resting", "Pausiert";
    unverified: "Not verified", "Nicht bestätigt";
    disabled_since: "Disabled since {time}: {reason}", "Deaktiviert seit {time}: {reason}";
    failing_since: "Failing since {time}: {count} attempts failed one after the other.", "Fehlerhaft seit {time}: {count} Versuche schlugen nacheinander fehl.";
    resting_until: "The endpoint failed too often in a row and is spared. It is tried again {time}.", "Der Endpunkt schlug zu oft nacheinander fehl und wird geschont. Der nächste Versuch ist {time}.";
    unverified_why: "The endpoint has not verified itself yet, so it gets few requests.", "Der Endpunkt hat sich noch nicht bestätigt und erhält deshalb nur wenige Anfragen.";
    last_success: "Last success", "Letzter Erfolg";
    last_failure: "Last failure", "Letzter Fehler";
    last_delivery: "Last delivery", "Letzte Zustellung";
    never: "never", "nie";
    events: "Events", "Ereignisse";
    attempts_told: "{attempts} attempts in 24 hours, {failed} not successful", "{attempts} Versuche in 24 Stunden, {failed} ohne Erfolg";
    unreadable: "This entry cannot be read: {why}", "Dieser Eintrag ist nicht lesbar: {why}";
    hooks_counted: "{n} hooks", "{n} Hooks";
    search_hooks: "Search by name", "Nach Namen suchen";
    show_executions: "Executions", "Ausführungen";
    nothing_found: "Nothing found", "Nichts gefunden";
    nothing_found_help: "No entry meets these filters.", "Kein Eintrag entspricht diesen Filtern.";

    // Automation
    automation: "Automation", "Automatisierung";
    plans_pending: "Pending Plans", "Offene Pläne";
    plans_approved: "Approved Plans", "Genehmigte Pläne";
    plans_rejected: "Rejected Plans", "Abgelehnte Pläne";
    adjustment_log: "Adjustment Log", "Änderungsprotokoll";
    adjustment_log_help: "What was changed automatically, the newest change first: by plans that were approved, and by the service itself.", "Was automatisch geändert wurde, die neueste Änderung zuerst: durch genehmigte Pläne und durch den Dienst selbst.";
    no_plans: "No plans here", "Hier sind keine Pläne";
    no_plans_help: "A plan is a change that somebody proposes, with the data that led to it. It waits here until you approve or reject it.", "Ein Plan ist eine Änderung, die jemand vorschlägt, mit den Daten, die dazu führten. Er wartet hier, bis Sie ihn genehmigen oder ablehnen.";
    no_adjustments: "Nothing was changed automatically", "Nichts wurde automatisch geändert";
    no_adjustments_help: "Approved plans stand here, and hooks that were disabled because their endpoint failed for long.", "Hier stehen genehmigte Pläne und Hooks, die deaktiviert wurden, weil ihr Endpunkt lange nicht antwortete.";
    plan: "Plan", "Plan";
    plan_change: "What changes", "Was sich ändert";
    plan_evidence: "The data that led to it", "Die Daten, die dazu führten";
    plan_impact: "What is expected", "Was erwartet wird";
    plan_proposed: "Proposed", "Vorgeschlagen";
    plan_names: "which calls itself “{name}”", "nach eigener Angabe „{name}“";
    plan_decided: "Decided by {by}", "Entschieden von {by}";
    plan_reason: "Reason", "Grund";
    plan_expires: "It expires", "Er verfällt";
    plan_of_tenant: "The settings of the account", "Die Einstellungen des Kontos";
    plan_rotation: "its secret is rotated, and the former one is valid for {seconds} s more", "sein Secret wird erneuert, und das frühere gilt noch {seconds} s";
    plan_approve: "Approve", "Genehmigen";
    plan_reject: "Reject", "Ablehnen";
    plan_reject_why: "Nothing is changed. A reason helps whoever proposed it.", "Nichts wird geändert. Ein Grund hilft, wer es vorgeschlagen hat.";
    plan_take_back: "Propose to take it back", "Rücknahme vorschlagen";
    plan_show_adjustment: "Show what was changed", "Zeigen, was geändert wurde";
    plan_was_applied: "The plan was approved and applied.", "Der Plan wurde genehmigt und angewendet.";
    plan_was_approved: "The plan was approved. Whoever proposed it applies it, and reports.", "Der Plan wurde genehmigt. Wer ihn vorgeschlagen hat, wendet ihn an und meldet es.";
    plan_was_not_applied: "The plan was approved and could not be applied. Its reason stands with it.", "Der Plan wurde genehmigt und konnte nicht angewendet werden. Der Grund steht bei ihm.";
    plan_was_rejected: "The plan was rejected.", "Der Plan wurde abgelehnt.";
    plan_was_made: "A plan was made that takes it back. Nothing changes before it is approved.", "Ein Plan für die Rücknahme wurde erstellt. Nichts ändert sich, bevor er genehmigt ist.";
    plan_pending: "Pending", "Offen";
    plan_approved: "Approved", "Genehmigt";
    plan_applied: "Applied", "Angewendet";
    plan_failed: "Failed", "Fehlgeschlagen";
    plan_rejected: "Rejected", "Abgelehnt";
    plan_expired: "Expired", "Verfallen";
    adjusted_plan: "a plan was approved", "ein Plan wurde genehmigt";
    adjusted_disable_after: "the endpoint failed for long", "der Endpunkt schlug lange fehl";
    adjusted_gone: "the endpoint is gone", "den Endpunkt gibt es nicht mehr";
    adjusted_asked: "the endpoint asked for it", "der Endpunkt bat darum";
    adjusted_overlap: "the overlap of a rotation has passed", "die Übergangszeit eines Wechsels ist vorbei";

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

    // A hook
    new_hook: "New hook", "Neuer Hook";
    tab_settings: "Settings", "Einstellungen";
    tab_test: "Test", "Test";
    tab_secret: "Secret", "Secret";
    tab_send_again: "Send again", "Erneut senden";
    tabs: "Parts of the hook", "Teile des Hooks";
    enable: "Enable", "Aktivieren";
    disable: "Disable", "Deaktivieren";
    disable_question: "The hook gets no more requests until it is enabled again. What comes due meanwhile waits or is skipped, as its settings say.", "Der Hook erhält keine Anfragen, bis er wieder aktiviert wird. Was inzwischen fällig wird, wartet oder wird übersprungen, wie seine Einstellungen es sagen.";
    delete: "Delete", "Löschen";
    delete_question: "The hook is deleted with its executions. This cannot be undone.", "Der Hook wird mit seinen Ausführungen gelöscht. Das lässt sich nicht rückgängig machen.";
    done_enabled: "The hook is enabled.", "Der Hook ist aktiviert.";
    done_disabled: "The hook is disabled.", "Der Hook ist deaktiviert.";
    done_saved: "Saved.", "Gespeichert.";
    done_deleted: "The hook was deleted.", "Der Hook wurde gelöscht.";
    done_created: "The hook was created. Run a test request next.", "Der Hook wurde erstellt. Senden Sie nun eine Testanfrage.";
    attempts_30_days: "Attempts in 30 days", "Versuche in 30 Tagen";
    share_successful: "{share} successful", "{share} erfolgreich";
    durations: "Durations, last day", "Dauern, letzter Tag";
    created: "Created", "Erstellt";
    description: "Description", "Beschreibung";
    channels: "Channels", "Kanäle";
    profile: "Profile", "Profil";

    // Its form
    form_name: "Name", "Name";
    form_name_help: "For people, such as \"Notify billing\".", "Für Menschen, etwa „Buchhaltung benachrichtigen“.";
    form_url: "Endpoint URL", "Endpunkt-URL";
    form_url_help: "The address that gets the requests. To try it out, make one at a request bin, or run `hookline listen`.", "Die Adresse, die die Anfragen erhält. Zum Ausprobieren: eine Adresse bei einem Request-Bin anlegen oder `hookline listen` starten.";
    form_events_help: "Which events it gets. A group takes all of its events, also those to come.", "Welche Ereignisse er erhält. Eine Gruppe umfasst alle ihre Ereignisse, auch künftige.";
    form_all_events: "All events (*)", "Alle Ereignisse (*)";
    form_whole_group: "all of {group}", "alle von {group}";
    form_other_patterns: "Other patterns, one a line", "Weitere Muster, eines je Zeile";
    form_other_patterns_help: "A type such as post.published, or a group such as post.*", "Ein Typ wie post.published oder eine Gruppe wie post.*";
    form_search_events: "Search event types", "Ereignistypen suchen";
    form_channels_help: "Only events in one of these channels, separated by commas. Leave it empty for all.", "Nur Ereignisse in einem dieser Kanäle, durch Kommas getrennt. Leer für alle.";
    form_request: "Request", "Anfrage";
    form_method: "Method", "Methode";
    form_content_type: "Content type", "Inhaltstyp";
    form_auth: "Authentication", "Authentifizierung";
    form_auth_none: "None", "Keine";
    form_auth_basic: "Basic (user name and password)", "Basic (Benutzername und Passwort)";
    form_auth_bearer: "Bearer token", "Bearer-Token";
    form_auth_api_key: "API key in a header", "API-Schlüssel in einem Header";
    form_auth_oauth2: "OAuth 2 (client credentials)", "OAuth 2 (Client Credentials)";
    form_auth_username: "User name", "Benutzername";
    form_auth_password: "Password", "Passwort";
    form_auth_token: "Token", "Token";
    form_auth_header: "Header", "Header";
    form_auth_value: "Key", "Schlüssel";
    form_auth_token_url: "Token URL", "Token-URL";
    form_auth_client_id: "Client id", "Client-ID";
    form_auth_client_secret: "Client secret", "Client-Secret";
    form_auth_scope: "Scope", "Scope";
    form_keeps_blank: "Leave it blank to keep the current one.", "Leer lassen, um den jetzigen Wert zu behalten.";
    form_headers_help: "Sent with every request. The value of a secret header is never shown again.", "Werden mit jeder Anfrage gesendet. Der Wert eines geheimen Headers wird nie wieder gezeigt.";
    form_header_name: "Header {n}", "Header {n}";
    form_header_value: "Value", "Wert";
    form_header_secret: "Secret", "Geheim";
    form_advanced: "Filter, rate and payload", "Filter, Rate und Inhalt";
    form_rate: "Requests per second, at most", "Anfragen je Sekunde, höchstens";
    form_rate_help: "0 for no limit.", "0 für keine Begrenzung.";
    form_filter: "Filter", "Filter";
    form_filter_help: "JSON: only events whose data meets it, such as {\"platform\": [\"instagram\"]}. Leave it empty for all.", "JSON: nur Ereignisse, deren Daten dem entsprechen, etwa {\"platform\": [\"instagram\"]}. Leer für alle.";
    form_log_body: "Log response body", "Antworten aufbewahren";
    form_custom_payload: "Custom payload", "Eigener Inhalt";
    form_custom_payload_help: "What the body of the request is made of.", "Woraus der Inhalt der Anfrage besteht.";
    form_payload: "Payload", "Inhalt";
    form_payload_usual: "As usual", "Wie üblich";
    form_payload_fields: "From fields and templates", "Aus Feldern und Vorlagen";
    form_payload_raw: "The event's data alone, as published", "Nur die Daten des Ereignisses, wie veröffentlicht";
    form_payload_json: "As JSON, with variants by event type", "Als JSON, mit Varianten je Ereignistyp";
    form_payload_json_help: "mappings or raw, json, and variants: other payloads for some event types.", "mappings oder raw, json, und variants: andere Inhalte für manche Ereignistypen.";
    form_json: "JSON is written", "JSON wird geschrieben";
    form_json_help: "The second is for receivers that parse and write the body again before they check its signature. It goes with fields and with data alone.", "Das Zweite ist für Empfänger, die den Inhalt lesen und neu schreiben, bevor sie die Signatur prüfen. Es gilt für Felder und für Daten allein.";
    form_json_as_published: "as it was published", "wie es veröffentlicht wurde";
    form_json_ecmascript: "as ECMAScript's JSON.stringify writes it", "wie ECMAScripts JSON.stringify es schreibt";
    form_mapping_help: "Each field has one of the three: a path such as data.email, a fixed value, or a template such as Invoice {{ data.number }}.", "Jedes Feld hat eines der drei: einen Pfad wie data.email, einen festen Wert oder eine Vorlage wie Rechnung {{ data.number }}.";
    form_mapping_template: "Template", "Vorlage";
    form_mapping_field: "Field name {n}", "Feldname {n}";
    form_mapping_from: "Field mapping", "Feldzuordnung";
    form_mapping_value: "Custom value", "Eigener Wert";
    form_secret: "Secret", "Secret";
    form_secret_help: "Leave it blank, and one is made.", "Leer lassen, dann wird eines erzeugt.";
    form_create: "Create", "Erstellen";
    form_save: "Save", "Speichern";
    form_mistakes: "Not saved: please look at the marked fields.", "Nicht gespeichert: Bitte sehen Sie sich die markierten Felder an.";
    form_no_json: "expected JSON", "JSON erwartet";
    form_changed_meanwhile: "Somebody else changed this hook while you were editing. Below are your values; what they replace is shown beside. Save again to replace it.", "Jemand anderes hat diesen Hook geändert, während Sie ihn bearbeitet haben. Unten stehen Ihre Werte; daneben, was sie ersetzen. Speichern Sie erneut, um es zu ersetzen.";
    try_title: "Try it on a past event", "An einem früheren Ereignis ausprobieren";
    try_help: "Shows whether the hook would get the event with the settings above, and the request. Nothing is saved or sent.", "Zeigt, ob der Hook das Ereignis mit den obigen Einstellungen erhielte, und die Anfrage. Nichts wird gespeichert oder gesendet.";
    try_event: "Event id", "Ereignis-ID";
    try_run: "Try", "Ausprobieren";
    try_wanted: "The hook would get it.", "Der Hook erhielte es.";
    try_type: "The hook would not get it: none of its patterns matches the type.", "Der Hook erhielte es nicht: Keines seiner Muster passt zum Typ.";
    try_channel: "The hook would not get it: it is in none of its channels.", "Der Hook erhielte es nicht: Es ist in keinem seiner Kanäle.";
    try_filter: "The hook would not get it: its data does not meet the filter.", "Der Hook erhielte es nicht: Seine Daten entsprechen nicht dem Filter.";
    try_nothing: "expected the id of an event that is kept", "die ID eines aufbewahrten Ereignisses erwartet";
    form_now: "Now: {value}", "Jetzt: {value}";

    // Test
    test_title: "Run a test request", "Eine Testanfrage senden";
    test_help: "It is sent now, to the real endpoint, signed as every request. It stands in no log and is not repeated.", "Sie wird jetzt an den echten Endpunkt gesendet, signiert wie jede Anfrage. Sie steht in keinem Protokoll und wird nicht wiederholt.";
    test_data: "Data (JSON)", "Daten (JSON)";
    test_data_help: "Leave it empty to send the example of the catalogue.", "Leer lassen, um das Beispiel des Katalogs zu senden.";
    test_run: "Run a test request", "Testanfrage senden";
    test_succeeded: "The endpoint took it.", "Der Endpunkt hat sie angenommen.";
    test_failed: "The endpoint did not take it.", "Der Endpunkt hat sie nicht angenommen.";
    no_answer: "There was no answer.", "Es gab keine Antwort.";

    verify_now: "Verify the endpoint now", "Endpunkt jetzt bestätigen";
    verify_now_help: "The endpoint is sent its key and has to return it, in the body or in the header that carried it.", "Der Endpunkt bekommt seinen Schlüssel und muss ihn zurückgeben, im Inhalt oder in dem Header, mit dem er kam.";

    // Secret
    secret_help: "Requests are signed with it. Whoever has it can make requests that look like ours.", "Damit werden Anfragen signiert. Wer es hat, kann Anfragen stellen, die wie unsere aussehen.";
    reveal: "Reveal secret", "Secret anzeigen";
    reveal_question: "Make sure that nobody looks over your shoulder.", "Achten Sie darauf, dass Ihnen niemand über die Schulter sieht.";
    hide: "Hide", "Verbergen";
    secret_current: "Current secret", "Aktuelles Secret";
    secret_public: "Public key", "Öffentlicher Schlüssel";
    secret_former: "Former secret", "Früheres Secret";
    secret_still_alone: "It still signs alone.", "Es signiert noch allein.";
    secret_ends: "It ends {time}.", "Es endet {time}.";
    verification_key: "Verification key", "Bestätigungsschlüssel";
    rotate: "Rotate secret", "Secret wechseln";
    rotate_question: "A new secret is made. The old one stays valid for a day, so that your receiver can change in peace.", "Ein neues Secret wird erzeugt. Das alte bleibt einen Tag gültig, damit Ihr Empfänger in Ruhe wechseln kann.";
    rotate_new: "New secret", "Neues Secret";
    rotate_new_help: "Leave it blank, and one is made.", "Leer lassen, dann wird eines erzeugt.";
    rotate_overlap: "Hours for which the old one stays valid", "Stunden, die das alte gültig bleibt";
    cutover: "End the rotation now", "Wechsel jetzt beenden";
    cutover_question: "From now on the new secret alone signs. A receiver that has only the old one refuses what it gets.", "Ab jetzt signiert nur das neue Secret. Ein Empfänger, der nur das alte hat, weist ab, was er erhält.";
    rotated_done: "The secret was rotated. Take the new one to your receiver.", "Das Secret wurde gewechselt. Bringen Sie das neue zu Ihrem Empfänger.";
    cutover_done: "The new secret alone signs now.", "Nur das neue Secret signiert jetzt.";
    verify_title: "Verify requests", "Anfragen prüfen";
    verify_help: "Check each request before you trust it. The code takes the body exactly as it came.", "Prüfen Sie jede Anfrage, bevor Sie ihr vertrauen. Der Code nimmt den Inhalt genau so, wie er kam.";
    no_signature: "The requests of this hook are not signed.", "Die Anfragen dieses Hooks sind nicht signiert.";

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

    // Changes
    tab_changes: "Changes", "Änderungen";
    no_changes: "No changes yet", "Noch keine Änderungen";
    no_changes_help: "Who changes the hook, and what, will stand here.", "Wer den Hook ändert, und was, wird hier stehen.";
    change_created: "Created", "Erstellt";
    change_changed: "Changed", "Geändert";
    change_enabled: "Enabled", "Aktiviert";
    change_disabled: "Disabled", "Deaktiviert";
    change_rotated: "Secret rotated", "Secret gewechselt";
    change_verified: "Verified", "Bestätigt";
    by_itself: "by itself", "von selbst";
    by_operator: "by the operator", "durch den Betreiber";
    before: "before", "vorher";
    after: "after", "nachher";
    nothing: "nothing", "nichts";
    too_large: "too large to be kept", "zu groß, um aufbewahrt zu werden";

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

    // The catalogue
    nav_catalogue: "Event types", "Ereignistypen";
    catalogue_title: "Event types", "Ereignistypen";
    no_catalogue_title: "No event types yet", "Noch keine Ereignistypen";
    no_catalogue_help: "The catalogue is empty. Events are delivered all the same.", "Der Katalog ist leer. Ereignisse werden trotzdem zugestellt.";
    deprecated: "Deprecated", "Veraltet";
    schema: "Schema", "Schema";
    example: "Example", "Beispiel";
    no_example: "There is no example.", "Es gibt kein Beispiel.";
    catalogue_new_hook: "New hook for it", "Neuer Hook dafür";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_the_same_values_in_each_language() {
        let names = |text: &str| {
            let mut names: Vec<String> =
                text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect();
            names.sort();
            names
        };
        for (name, english, german) in ALL {
            assert!(!english.is_empty() && !german.is_empty(), "{name}");
            assert_eq!(names(english), names(german), "{name}");
        }
    }

    #[test]
    fn what_is_filled_in_is_taken_as_it_is() {
        assert_eq!(fill("{a} of {b}!", &[("a", "{b}"), ("b", "<2>")]), "{b} of <2>!");
        assert_eq!(fill("{unknown} {", &[]), " {");
    }
}
