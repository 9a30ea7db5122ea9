use contract::ports::{Document, PlacedDocument, StoreError};

use super::Stores;
use super::samples::all_pages;

fn document(name: &str, version: u64, body: &str) -> Document {
    Document { name: name.to_owned(), version, body: body.to_owned() }
}

pub(crate) async fn a_write_that_does_not_follow_the_stored_version_is_a_conflict(stores: &Stores) {
    let documents = &stores.documents;
    assert!(matches!(documents.put("p", &document("a", 2, "{}")).await, Err(StoreError::Conflict)));
    documents.put("p", &document("a", 1, r#"{"n":1}"#)).await.unwrap();
    for version in [1, 3] {
        let answer = documents.put("p", &document("a", version, "{}")).await;
        assert!(matches!(answer, Err(StoreError::Conflict)), "{version}: {answer:?}");
    }
    let second = document("a", 2, r#"{"n":2}"#);
    documents.put("p", &second).await.unwrap();
    assert_eq!(documents.get("p", "a").await.unwrap().as_deref(), Some(&second));
}

pub(crate) async fn partitions_do_not_see_each_other(stores: &Stores) {
    let documents = &stores.documents;
    documents.put("p", &document("a", 1, "{}")).await.unwrap();
    for other in ["q", "pa", "P"] {
        assert_eq!(documents.get(other, "a").await.unwrap(), None);
        assert!(documents.list(other, 10, None).await.unwrap().items.is_empty());
        assert!(!documents.delete(other, "a").await.unwrap());
    }
    assert!(documents.get("p", "a").await.unwrap().is_some());
}

pub(crate) async fn pages_are_complete_and_in_order_of_name(stores: &Stores) {
    let names = ["A.b", "Z", "a", "a.b", "a.b.c", "b"];
    for name in names.iter().rev() {
        stores.documents.put("p", &document(name, 1, "{}")).await.unwrap();
    }
    for limit in [1, 2, 5, 100] {
        let listed =
            all_pages(|cursor| async move { stores.documents.list("p", limit, cursor.as_deref()).await }).await;
        let listed: Vec<_> = listed.iter().flatten().map(|document| document.name.as_str()).collect();
        assert_eq!(listed, names, "limit {limit}");
    }
    let cursor = stores.documents.list("p", 1, None).await.unwrap().next;
    let answer = stores.documents.list("q", 10, cursor.as_deref()).await;
    assert!(matches!(answer, Err(StoreError::BadCursor)), "{answer:?}");
}

pub(crate) async fn a_deleted_document_is_gone_and_can_be_made_again(stores: &Stores) {
    let documents = &stores.documents;
    documents.put("p", &document("a", 1, r#"{"n":1}"#)).await.unwrap();
    documents.put("p", &document("a", 2, r#"{"n":2}"#)).await.unwrap();
    assert!(documents.delete("p", "a").await.unwrap());
    assert!(!documents.delete("p", "a").await.unwrap());
    assert_eq!(documents.get("p", "a").await.unwrap(), None);
    let again = document("a", 1, r#"{"n":3}"#);
    documents.put("p", &again).await.unwrap();
    assert_eq!(documents.get("p", "a").await.unwrap().as_deref(), Some(&again));
}

fn placed(partition: &str, document: Document) -> PlacedDocument {
    PlacedDocument { partition: partition.to_owned(), document }
}

pub(crate) async fn of_documents_written_together_all_are_written_or_none(stores: &Stores) {
    let documents = &stores.documents;
    documents.put("p", &document("a", 1, "{}")).await.unwrap();
    let (second, first) = (document("a", 2, r#"{"n":2}"#), document("b", 1, r#"{"n":1}"#));
    documents.put_all(&[placed("p", second.clone()), placed("q", first.clone())]).await.unwrap();
    assert_eq!(documents.get("p", "a").await.unwrap().as_deref(), Some(&second));
    assert_eq!(documents.get("q", "b").await.unwrap().as_deref(), Some(&first));
    let (third, late) = (placed("p", document("a", 3, "{}")), placed("q", document("b", 1, r#"{"late":true}"#)));
    for both in [[third.clone(), late.clone()], [late, third]] {
        let answer = documents.put_all(&both).await;
        assert!(matches!(answer, Err(StoreError::Conflict)), "{answer:?}");
    }
    assert_eq!(documents.get("p", "a").await.unwrap().as_deref(), Some(&second));
    assert_eq!(documents.get("q", "b").await.unwrap().as_deref(), Some(&first));
    documents.put_all(&[]).await.unwrap();
}
