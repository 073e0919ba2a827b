//! What others change between plan and effect is not written over: it is planned again.

use crate::world::{EU, World, exchange};

#[test]
fn an_upgrade_by_hand_between_plan_and_effect_is_seen_and_planned_again() {
    let (world, release) = (World::new("overtaken"), "nats-overtaken");
    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, release, "")))]);
    world.apply().expect(0);
    // While natsx-sync renders what it is about to do, somebody does something else, once. The rendering of the plan is made to
    // run out of time, as it waits for nobody; that of the upgrade waits.
    let helm = world.fleet.tools().helm3.clone();
    let meanwhile = format!(
        "if [ \"$1\" = template ]; then if mkdir {plan} 2>/dev/null; then sleep 30; elif mkdir {once} 2>/dev/null; then {helm} upgrade {release} {chart} --namespace=road --kubeconfig={kubeconfig} --reuse-values --set config.merge.max_connections=99 </dev/null >{once}/log 2>&1; fi; fi",
        plan = world.path("plan").display(),
        once = world.path("once").display(),
        helm = helm.display(),
        chart = world.fleet.chart().display(),
        kubeconfig = world.cluster(EU).kubeconfig().display(),
    );
    world.use_helm_after(&helm, &meanwhile);
    let changed = exchange(EU, release, "  config.merge.max_connections: 7\n");
    world.commit(&[("exchanges/a.yaml", Some(&changed))]);

    let ran = world.apply().expect(0);
    let lines = ran.stderr.lines();
    let again: Vec<_> = lines
        .filter(|line| line.starts_with("planned again: "))
        .collect();
    assert_eq!(again.len(), 1, "{}", ran.stderr);
    assert!(again[0].contains("moved from revision 1 to 2"), "{again:?}");
    assert_eq!(ran.entry(&format!("{EU}/road/{release}"))["result"], "done");
    assert_eq!(world.latest(EU, release), Some((3, "deployed".to_owned())));
    let (configuration, _) = world.configuration(EU, release);
    assert!(
        configuration.contains("\"max_connections\": 7"),
        "{configuration}"
    );
    assert_eq!(world.plan().expect(0).json()["summary"]["none"], 1);
}
