//! Cases O: what callers see who may read only what is assigned to a customer. So far nothing is.

use e2e::{Caller, Shop, samples::golden};
use serde_json::json;

#[tokio::test]
async fn o07_a_service_with_the_scope_of_customers_sees_nothing() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    shop.assign("g1", "PRODUCT", "p1").await;
    for caller in [Caller::ServiceWithOwnScope, Caller::Customer("c1")] {
        for path in ["", "?q=status:ACTIVE", "/items", "/items?onlyActive=false", "/g1/items"] {
            assert_eq!(shop.get(path).by(caller.clone()).await.expect(200).json(), json!([]), "{path}");
        }
        for path in ["/search", "/g1/items/search"] {
            assert_eq!(shop.post(path, &json!({})).by(caller.clone()).await.expect(200).json(), json!([]), "{path}");
        }
        for path in ["/g1", "/g1/items/PRODUCT/p1"] {
            shop.get(path).by(caller.clone()).await.error(404);
        }
    }
}
