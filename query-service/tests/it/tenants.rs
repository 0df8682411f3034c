//! Two tenants with the same ids never see one another, whatever is asked.

use proptest::{prelude::*, test_runner::TestRunner};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{
    ids::ItemType::{Category, Product},
    reference::Kind,
};
use tokio::runtime::Builder;

use crate::api::{Answer, Api, MANAGE, OWN, READ, Sent as _};

const TENANTS: [&str; 2] = ["acme", "beta"];

/// How everything ends, asked of the past: times are not the same where the other tenant is not there.
const IN_THE_END: &str = "?asOf=2100-01-01T00:00:00Z";

/// What a tenant does with one of four segments.
#[derive(Debug, Clone)]
enum Step {
    Put(bool),
    Assign(u8),
    Join(u8),
    Delete,
}

fn steps() -> impl Strategy<Value = Vec<(usize, u8, Step)>> {
    let step = prop_oneof![
        3 => any::<bool>().prop_map(Step::Put),
        3 => (0..3_u8).prop_map(Step::Assign),
        4 => (0..3_u8).prop_map(Step::Join),
        1 => Just(Step::Delete),
    ];
    prop::collection::vec((0..2_usize, 0..4_u8, step), 1..30)
}

/// Every document says whose it is.
async fn tell(api: &mut Api, tenant: usize, id: &str, step: Step) {
    let owner = TENANTS[tenant];
    let mark = || Some(json!({ "owner": owner }));
    match (step, api.story.items_of(owner, id).is_some()) {
        (Step::Put(is_active), _) => {
            let status = if is_active { "ACTIVE" } else { "INACTIVE" };
            let body = json!({ "name": { "en": "n" }, "status": status, "mixins": mark() });
            api.story.put(owner, id, body).await;
        }
        (Step::Assign(item), true) => {
            let kind = if item == 0 { Category } else { Product };
            api.story.assign(owner, id, kind, &[&format!("i{item}")], mark()).await;
        }
        (Step::Join(customer), true) => {
            let name = ["c1", "c1/le1", "c2/le1"][usize::from(customer)];
            api.story.join(owner, id, &[name], mark()).await;
        }
        (Step::Delete, true) => {
            api.story.delete(owner, id).await;
        }
        (Step::Assign(_) | Step::Join(_) | Step::Delete, false) => {}
    }
}

/// Every name says whose it is.
async fn name(api: &Api, owner: &str) {
    let item = |id: &str| json!({ "id": id, "code": owner });
    api.catalogue.put(owner, Kind::Product, &["i1", "i2"].map(item)).await;
    let below = json!({ "id": "i0", "code": owner, "parentId": "above" });
    api.catalogue.put(owner, Kind::Category, &[below, item("above")]).await;
    let customers = ["c1", "c2"].map(|id| json!({ "id": id, "firstName": owner }));
    api.catalogue.put(owner, Kind::Customer, &customers).await;
    api.catalogue.put(owner, Kind::LegalEntity, &[json!({ "id": "le1", "name": owner })]).await;
}

/// All that a tenant's readers can ask about a segment, and about all of them.
async fn answers(api: &Api, tenant: &str) -> Vec<(String, Answer)> {
    let everything = api.token(&format!("{READ} tenant={tenant}"), None);
    let own = api.token(&format!("{OWN} tenant={tenant}"), Some("c1/le1"));
    let manager = api.token(&format!("{MANAGE} tenant={tenant}"), None);
    let mut asked: Vec<(&str, String)> = Vec::new();
    for rest in ["", "/items", "?q=mixins.owner:exists", "/items?onlyActive=true", "/me"] {
        asked.extend([(&*everything, rest.to_owned()), (&*own, rest.to_owned())]);
    }
    asked.push((&*own, "/items/category-trees".to_owned()));
    asked.extend(["?customerId=c1", "?customerId=c1&legalEntityId=le1"].map(|rest| (&*everything, rest.to_owned())));
    for id in 0..4 {
        for rest in ["", "/items", "/customers", "/items/PRODUCT/i1", "/customers/c1", "/customers/c1/le1"] {
            asked.extend([(&*everything, format!("/s{id}{rest}")), (&*own, format!("/s{id}{rest}"))]);
        }
        for rest in ["/history", "?version=1", &format!("/items{IN_THE_END}"), &format!("/customers{IN_THE_END}")] {
            asked.push((&*manager, format!("/s{id}{rest}")));
        }
    }
    let mut answers = Vec::new();
    for (token, rest) in asked {
        let answer = api.request_by(token, Method::GET, tenant, &rest).header("X-Total-Count", "true").answer().await;
        answers.push((rest, answer));
    }
    answers
}

fn owners<'v>(value: &'v Value) -> Vec<&'v str> {
    let rows = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    let said = |row: &'v Value| {
        let (item, customer, entity) =
            (&row["item"]["code"], &row["customer"]["firstName"], &row["legalEntity"]["name"]);
        [&row["mixins"]["owner"], &row["document"]["mixins"]["owner"], item, customer, entity, &row["code"]]
    };
    rows.iter().flat_map(said).filter_map(Value::as_str).collect()
}

#[test]
fn tenants_with_the_same_ids_never_see_one_another() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let (mut both, mut alone) = (Api::start().await, Api::start().await);
            name(&both, TENANTS[0]).await;
            name(&both, TENANTS[1]).await;
            name(&alone, TENANTS[0]).await;
            for (tenant, segment, step) in steps {
                let id = format!("s{segment}");
                tell(&mut both, tenant, &id, step.clone()).await;
                if tenant == 0 {
                    tell(&mut alone, tenant, &id, step).await;
                }
            }
            both.catch_up().await;
            alone.catch_up().await;
            for tenant in TENANTS {
                for (rest, answer) in answers(&both, tenant).await {
                    prop_assert!(owners(&answer.body).iter().all(|owner| *owner == tenant), "{} {}", tenant, rest);
                }
            }
            // As if the other tenant were not there, totals included.
            let (shared, own) = (answers(&both, "acme").await, answers(&alone, "acme").await);
            for ((rest, shared), (_, own)) in shared.iter().zip(&own) {
                prop_assert_eq!(shared.status, own.status, "{}", rest);
                prop_assert_eq!(shared.header("X-Total-Count"), own.header("X-Total-Count"), "{}", rest);
                prop_assert_eq!(owners(&shared.body).len(), owners(&own.body).len(), "{}", rest);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
