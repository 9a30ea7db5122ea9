//! What surrounds every page, ways in and out, and failures.

macro_rules! frame {
    ([$($rest:ident)*] $($before:tt)*) => {
        collect! { [$($rest)*] $($before)*
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
            too_long: "It is too long to be shown here. The API and the command line tell all of it.", "Es ist zu lang, um hier gezeigt zu werden. Die API und die Kommandozeile zeigen alles.";
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
        }
    };
}
