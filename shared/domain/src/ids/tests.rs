use super::*;

#[test]
fn a_delivery_id_names_its_event_and_hook() {
    let id = DeliveryId { event: EventSeq(Ulid::from_parts(1, 2)), hook: HookId(Ulid::from_parts(3, 4)) };
    let text = id.to_string();
    assert_eq!(text.len(), 56);
    assert_eq!(text.parse::<DeliveryId>().unwrap(), id);
    assert!(!text.contains('.'), "Standard Webhooks forbids dots in webhook-id");
}

#[test]
fn a_publication_gives_its_event_the_same_name_whenever_it_is_handled() {
    let (tenant, id) = (&"acme".parse().unwrap(), &"order-7".parse().unwrap());
    let day = 24 * 3_600_000;
    let of = |token: &str, now| EventSeq::of_publication(tenant, id, token, Timestamp::from_millis(now));
    let token = Ulid::from_parts(40 * 24 * 3_600_000, 5).to_string();
    let name = of(&token, 40 * day);
    assert_eq!(name.at(), Timestamp::from_millis(40 * day));
    assert_eq!(name, of(&token, 41 * day));
    assert_ne!(name, of(&Ulid::from_parts(40 * 24 * 3_600_000, 6).to_string(), 41 * day));
    // A token of the future, one of long ago, and one that is no ULID.
    for (token, now) in [(&*token, 39 * day), (&*token, 55 * day), ("mine", 41 * day)] {
        assert_eq!(of(token, now).at(), Timestamp::from_millis(now));
    }
}

#[test]
fn a_trace_is_known_before_the_event_has_its_name_and_stands_in_its_deliveries_ids() {
    let (tenant, id) = (&"acme".parse().unwrap(), &"order-7".parse().unwrap());
    let trace = TraceId::of_publication(tenant, id, "mine");
    for now in [0, 1_780_000_000_000] {
        let event = EventSeq::of_publication(tenant, id, "mine", Timestamp::from_millis(now));
        assert_eq!(event.trace(), trace);
        let delivery = DeliveryId { event, hook: HookId(Ulid::from_parts(3, 4)) }.to_string();
        assert_eq!(delivery[14..30], trace.to_string());
    }
    assert_ne!(trace, TraceId::of_publication(tenant, id, "another"));
}

#[test]
fn ids_have_one_spelling() {
    let text = HookId(Ulid::from_parts(9_999_999, 4)).to_string();
    assert!(text.parse::<HookId>().is_ok());
    assert!(text.to_lowercase().parse::<HookId>().is_err());
    assert!("dlv_".parse::<DeliveryId>().is_err());
    assert!(format!("dlv_{}", "é".repeat(26)).parse::<DeliveryId>().is_err());
}

#[test]
fn chosen_ids_are_bounded() {
    assert!("acme_1-x".parse::<TenantId>().is_ok());
    for text in ["", "a b", "a/b", "a.b", &"x".repeat(65)] {
        assert!(text.parse::<TenantId>().is_err(), "{text}");
    }
}

#[test]
fn ids_that_no_path_could_name_are_refused() {
    for text in [".", ".."] {
        assert!(text.parse::<TenantId>().is_err() && text.parse::<ProfileName>().is_err());
        assert!(text.parse::<EventType>().unwrap_err().0.contains("could not be part of a URL's path"));
        assert!(text.parse::<EventId>().unwrap_err().0.contains("could not be part of a URL's path"));
    }
    assert!("batch".parse::<EventId>().is_err());
    assert!("batch".parse::<EventType>().is_ok() && "...".parse::<EventId>().is_ok());
}
