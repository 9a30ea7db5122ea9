//! Hooks, what is set of them, their secrets and tests, and the catalogue they choose from.

macro_rules! hooks {
    ([$($rest:ident)*] $($before:tt)*) => {
        collect! { [$($rest)*] $($before)*
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
    };
}
