//! The stable words for why: each reason is an identifier that scripts may rely on; the text beside it may change.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($name:ident: $story:literal,)*) => {
        /// Why something is as it is; printed in PascalCase.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(clippy::doc_markdown, reason = "the stories are also what `explain` prints, which is plain text")]
        pub enum Reason { $(#[doc = $story] $name,)* }

        impl Reason {
            /// Every reason, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable identifier.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The reason of this name, in whatever case.
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.name().eq_ignore_ascii_case(word))
            }

            /// What it means and what to do: the text of `explain REASON`.
            pub fn story(self) -> &'static str {
                match self { $(Self::$name => $story,)* }
            }
        }
    };
}

reasons! {
    // Changes wanted
    FileAdded: "A file declares this exchange and no release of it exists.",
    FileRemoved: "No file declares this exchange any more.",
    ChartVersionChanged: "The wanted chart version differs from the released one.",
    ValuesChanged: "The composed values differ from the released ones.",
    ChartAndValuesChanged: "Chart version and values both differ.",
    ChangedByOthers: "Somebody else upgraded or rolled back this release; it is put back to what git says.",
    ObjectsDrifted: "Somebody else changed single objects of this release; they are put back to what it says. What others may change is named in `drift_ignore`, by the places that are shown.",
    ReleaseGone: "The release was there and is not any more, and natsx-sync did not remove it; it is installed anew.",
    ReleaseFailed: "The last Helm operation on this release failed; it is tried again.",
    ReleaseStuck: "An interrupted Helm operation of ours left this release locked; the lock is removed and the release planned anew.",
    ReleaseUninstalling: "An interrupted uninstall is finished first.",
    StampOutdated: "Release as wanted; only our labels on it are brought up to date.",
    RecordMissing: "The release is as wanted, the registry has no record of it.",
    RecordDiffers: "The registry's record differs from what git says.",
    RecordOrphaned: "The release is gone, its record is still in the registry.",
    UpToDate: "Cluster and registry match the repository.",
    // Held back
    FileInvalid: "The file has errors; nothing it names now, or named when it was last valid, is touched. Mend the file: `natsx-sync validate` says what is wrong where.",
    SourceIncomplete: "Something below the watched folder could not be read or attributed, so nothing is uninstalled or deregistered in this pass.",
    SourceDirty: "The work tree has uncommitted changes; nothing is uninstalled from it. Commit them: `run` and `apply` read commits only, and a removal can be planned once it is committed. `natsx-sync apply --dirty` installs and upgrades from the files as they stand.",
    SourceWentBack: "The branch now points to an ancestor of the commit seen last; the last is kept until `natsx-sync reconcile --commit COMMIT`, with the whole id that `status` shows, or until the branch goes on from it.",
    HistoryRewritten: "The branch's new head is not a descendant of the last one. Nothing has to be done: what it declares is installed and upgraded as always, and what it no longer has is removed only if its own history proves that. What stays `NotFromThisHistory` says what to do.",
    NotFromThisHistory: "The commit stamped on the release is not in this branch's history or does not declare it, so its removal is not proved. Declare it again and remove it in a commit of its own, or uninstall it with helm.",
    HistoryIncomplete: "The repository is shallow or partial, or longer than is looked at, so a removal cannot be proved and a base not be found. Fetch the whole history: `fetch-depth: 0` of actions/checkout, `GIT_DEPTH: 0` in GitLab CI, `git fetch --unshallow` elsewhere.",
    UnrelatedBase: "The base of an offline plan and the head have no commit in common, so there is nothing to compare. Name a base from the same history.",
    Protected: "The last commit that declared this exchange protects it: take `protect` away in a commit of its own first.",
    Suspended: "Somebody suspended this exchange; it is observed, not changed. `natsx-sync resume X` ends what was said by `suspend`, a commit what stands in its file.",
    SyncModeOneTime: "sync_mode one_time: installed once and never changed or removed by natsx-sync.",
    SyncModeDryRun: "sync_mode dry_run: planned and reported only.",
    MassRemoval: "More would be removed than the guard lets through unasked. If it is meant, approve each: `natsx-sync approve ID…` for the daemon, `--allow-delete ID` of `plan`, `apply` and `run --once`.",
    ClusterReplaced: "The kubeconfig now leads to another cluster (other uid of kube-system), or what it was is not known any more. If that is meant: `natsx-sync approve CLUSTER`.",
    ClusterNotInInventory: "The cluster is not in the operator's inventory; nothing there is touched. Name it in `clusters` of the settings, or with --kubeconfig ID=FILE, where ID is the cluster_id of the exchange file. What this host still knows of one that is gone for good, `natsx-sync forget CLUSTER` takes away.",
    ClusterUnreachable: "The cluster did not answer; nothing there is planned. It is asked again in each pass; see that its API server can be reached from here.",
    KubeconfigInvalid: "The kubeconfig cannot be used, or what it names gives no credentials; nothing there is planned. Mend the kubeconfig, or the credential program or token file it names; the next pass reads it again by itself. What the systemd unit handed over from /etc/natsx-sync takes `systemctl restart natsx-sync` instead; a reload reads the old copy.",
    ClusterForbidden: "The cluster's API knows who asks and does not allow what was asked, reading or writing; the text names it. Grant it with the rule that `natsx-sync doctor` prints.",
    ClusterUnauthorized: "The cluster's API does not accept the token or certificate of the kubeconfig; it may have expired. Renew it: a kubeconfig that was written anew, and what it names, is read again by the next pass. What the systemd unit handed over from /etc/natsx-sync takes `systemctl restart natsx-sync` instead; a reload reads the old copy.",
    ClusterRefused: "The cluster's API answered and did not do what it was asked, for another reason than our rights; its words are shown. Mend what they name, or ask who runs the cluster: a quota or an admission rule may be in the way.",
    NamespaceNotObserved: "The namespace is outside `clusters.X.namespaces`, so nothing there is looked at. Add it there and reload the settings, or name another namespace in the file.",
    NamespaceMissing: "The namespace does not exist and the settings limit us to it, so we do not create it. Create it with `kubectl create namespace`; the next pass goes on.",
    SecretMissing: "A Kubernetes Secret (or key) the exchange refers to is not there. Create it in the exchange's namespace, or mend the reference in the file.",
    NotOurs: "A release of that name exists without our mark, so it is left alone. Choose another release_name, or remove that release with helm first; its volumes stay.",
    OtherInstance: "A release or record of that name belongs to another natsx-sync instance. Let that one keep it: take the file out here, or choose another release_name. Taken out there, it would be uninstalled.",
    ReleaseLocked: "Another Helm operation holds this release (pending). Let it end; one of ours that was interrupted is cleared by itself a minute after `helm.timeout`. If it is somebody else's and nobody runs it any more, delete the release's newest Secret `sh.helm.release.v1.NAME.vN`.",
    ReleaseUnreadable: "Helm's stored release could not be decoded; unreadable is never absent, so nothing is done to it. Restore the Secret that is named from a backup, or find out who wrote it.",
    RegistryRefused: "The registry answered and refuses this record; its words are shown. Mend what they name in the exchange's file, then `reconcile X` tries again at once.",
    RegistryUnreadable: "The registry could not be read completely, or did not take what was written. See that it runs and takes our token; `natsx-sync doctor` asks it. A damaged store of the embedded one is given up with `natsx-sync registry reset`.",
    RecordNotOurs: "A registry record with this system_id is not marked as ours; name its `system_id` in the file to adopt it.",
    StatefulSetImmutable: "The change reaches StatefulSet fields Kubernetes does not let change. Follow the procedure that is printed.",
    StreamsAtRisk: "The change would lose JetStream streams that running servers hold. Follow the procedure that is printed.",
    StoreTooSmall: "The JetStream store would be smaller than what a server holds. Ask for more than that, or delete messages or streams first.",
    StoreUnknown: "What JetStream stores could not be asked from the running servers, so a change that may lose it is held. See that the pods run and that natsx-sync may ask them: `doctor` prints the rule.",
    FieldUnknown: "The API server does not know a field of the rendered StatefulSet. Mend or take away the value that sets it, or use a chart made for this version of Kubernetes.",
    DryRunRefused: "The API server refused the rendered StatefulSet in a dry run; helm was not started. Mend the value its words name, or the rule of the cluster that refuses it.",
    ChartUnavailable: "The chart could not be fetched and is not in the cache. See that `chart.repository` can be reached from here (`doctor --fetch-chart` tries it), or set it to a mirror, or to a folder or archive on this host.",
    ChartDigestChanged: "The archive of this chart version is another than the one that was taken or pinned before. Ask who publishes it why; then raise the version, or pin the new digest and delete the old one from `charts/index.json` in the state folder.",
    RenderFailed: "helm could not render the chart with these values. Mend the value its words name; `explain X --command` prints how to try it by hand.",
    ConfigUntested: "A nats-server was at hand, but its answer about the configuration rests on what only the cluster knows: values of Secrets, files of volumes.",
    ConfigRefused: "A nats-server of the same version refuses the configuration: a reload would be refused and nobody told, and a server that starts anew would not come up. Mend the value that is named.",
    HelmFailed: "helm refused or failed; its error is shown. Mend what it names, then `reconcile X` tries again at once.",
    ReleaseAppeared: "A release of that name appeared between the plan and helm, which refused to install over it. It is looked at and planned anew at once; what is then to be done is tried again after a pause.",
    HelmMissing: "No usable helm was found. Install helm 3 (from 3.20.2) or 4 (from 4.1.4, not 4.2.1), or set `helm.path`; `natsx-sync doctor` says where it is looked for.",
    Terminating: "Objects of an earlier release are still terminating; waited for.",
    TooManyRestarting: "policy.max_restarting exchanges of this cluster are restarting already; this one waits.",
    HaltedByFailures: "policy.halt_after exchanges failed for one reason that is not an outage; what was not tried yet is held until enough of them work, which are tried again by themselves, until the next commit (of a plain folder: the next change), or until `natsx-sync reconcile`.",
    DriftReturns: "The same change of its objects came again twice after it had been put back: something else keeps making it, so natsx-sync stops. Find what does, or name the places in `drift_ignore`; `reconcile X` tries once more.",
    DependencyNotReady: "An exchange it depends on is not ready. Ask `natsx-sync why` about that one; this one goes on when it is.",
    Interrupted: "natsx-sync was stopped in the middle of this; the cluster is observed before anything else.",
    StateUnusable: "The state folder or its journal cannot be read or written, so nothing more is begun. See that its disk has room and that its files belong to the user natsx-sync runs as; it is tried again in each pass.",
    Bug: "natsx-sync itself failed in the middle of this, and tries it again in the next pass. Report it with the log, which says where.",
    PlanRefused: "The finished plan breaks a rule that no plan may break, so nothing of it is done. This is a bug of natsx-sync; report it with the plan.",
    LeaseHeld: "Another natsx-sync of the same instance works in this cluster; this one starts nothing there until that has ended or its lease has run out. Two hosts that are to work side by side need different settings of `instance`.",
    StaleFence: "What this action relies on changed under it; it is planned anew.",
    // Health
    Ready: "Rolled out, and NATS says so itself.",
    RollingOut: "Pods are being rolled out.",
    ScaledDown: "Somebody scaled it to no servers, and nothing puts that back: only with `sync_mode: continuous_with_drift_detection` natsx-sync does. Scale it up with the command the text names, or set that mode in its file.",
    StatefulSetGone: "Somebody deleted its StatefulSet, and nothing puts that back: only with `sync_mode: continuous_with_drift_detection` natsx-sync does. Set that mode in its file, or change another of its values: the upgrade makes the StatefulSet anew.",
    ReloadPending: "The new configuration has not been loaded by every server yet.",
    ReloadRefused: "A server refused the new configuration and keeps the old one; its log says why. Mend the value it names and commit; where only a restart takes the change, restart the pods.",
    ClusterNotFormed: "The servers do not all see each other, or JetStream has no leader. See in the log of each server which routes fail, and that pods reach each other by name (DNS, network policies).",
    HealthTimeout: "Not healthy within health.timeout. See what the text names with `kubectl describe pod` and `kubectl logs`; it is tried again by itself, with `reconcile X` at once.",
    HealthUnknown: "Health could not be read. It is asked again by itself; if that stays so, see what `doctor` says of the cluster and of what natsx-sync must be allowed to do there.",
    DriftUnknown: "Single objects could not be compared with the release, so nothing is known of their drift, and nothing is repaired. They are compared again at the next interval; `doctor` prints what natsx-sync must be allowed to do.",
    Waiting: "Waits for its turn.",
    Removing: "Being removed.",
    Removed: "It was there, and neither a file nor its cluster nor the registry has it any more. `natsx-sync history X` tells who removed it, when and for which commit. To have it back, declare it in a file again and commit; its volumes are there still unless `deletion_policy: purge` was declared.",
    // Files and settings
    UnknownField: "The file has a field natsx-sync does not know.",
    InvalidYaml: "The file is not the YAML that is expected.",
    InvalidValue: "A field has a value it cannot have.",
    DuplicateKey: "A key stands twice.",
    DuplicateExchange: "Two files declare the same exchange.",
    ObjectCollision: "Two exchanges would own Kubernetes objects of the same name.",
    TooLarge: "The file is larger or more nested than is accepted.",
    PrivilegedValue: "A value that is a program, reaches beyond the exchange's own objects, or has the chart write more than a value; only the operator's policy.allow_values lets it through.",
    SecretInFile: "A credential stands in the file; refer to a Kubernetes Secret instead.",
    ValueConflict: "A dotted key and a nested one set the same value.",
    UnknownProfile: "The file names a profile the repository does not have.",
    UnknownValue: "The chart has no such value and would ignore it. The names of each chart version from 1.0 on are known.",
    RenamedValue: "The name of this value in charts before 1.0; it would be ignored.",
    StringForBoolean: "A text where the chart wants a boolean; the chart takes any text for true.",
    PlainSize: "The server reads this option as a number; a text such as 2MB is refused by the reload. Write `<< 2MB >>` or the number.",
    WrongType: "The chart wants another kind of value there: a map, a list, a text or a number. It would render something else, or fail.",
    VariableNotText: "A number or boolean as the value of an environment variable: the chart does not render with it. Put it into quotes.",
    AmbiguousScalar: "YAML 1.1 and 1.2 read this scalar differently; quote it.",
    IntegerTooLarge: "Helm rounds integers beyond 2^53.",
    ReplicasWithoutCluster: "config.cluster.replicas has no effect unless config.cluster.enabled is true.",
    JetStreamClusterOfOne: "A JetStream cluster of one server never gets a leader.",
    EvenReplicas: "An even number of servers tolerates no more failures than one less.",
    MemoryStoreTooLarge: "The memory store is not smaller than the container's memory limit.",
    InvalidQuantity: "A size or an amount is not written as Kubernetes reads one; it would refuse the object in the middle of the release.",
    RequestAboveLimit: "A container requests more than its limit; Kubernetes makes no such pod.",
    NeedsOther: "A value that works only with another one, which is off: servers do not start with it, or it has no effect.",
    NotReloadable: "Running servers refuse this change in a reload, and everything else that changes with it: they keep the old configuration until they start anew.",
    LimitLowered: "A JetStream limit goes down, which servers refuse in a reload: they keep the old one until they start anew.",
    OpenExchange: "Neither authentication nor TLS is configured.",
    InvalidSubject: "Not a legal subject: empty token, or > not at the end.",
    ReloaderOff: "The configuration changes while the reloader is off: servers keep the old one until their pods start anew.",
    NumericPassword: "A password that looks like a number is read as one.",
    NotActedOn: "Accepted and checked, not acted on yet.",
    NoExchangeFolder: "The repository has no folder of exchange files.",
    SourceUnreadable: "The repository could not be read, so nothing new is planned. See that `source.url` can be reached from here with the credentials of the settings; it is tried again in each pass.",
    SettingsInvalid: "The settings are not usable. Mend what is named; `natsx-sync config` prints each setting and where it comes from.",
    SameCluster: "Two inventory entries lead to one cluster with overlapping namespaces, or may do: then what is removed from the one stays until what is declared under its name for the other is seen to be another release, or somebody approves it.",
    EventsNotTaken: "A place events are sent to does not take them. They wait in the state folder and are sent when it does; the oldest are dropped, and counted, when more than `events.backlog` waits.",
    CommitStatusNotTaken: "The forge does not take what became of a commit. It is told again, what is so by then: after half a minute to five minutes where it refused, sooner where it only did not answer. See that the token of `events.commit_status` is still valid and may set statuses, and that forge, repository and address are the right ones.",
    RestartNeeded: "The settings that were read again change what is looked at only at start; none of them is in force. Restart the daemon (`systemctl restart natsx-sync`).",
    NoStatus: "No natsx-sync has run here yet: there is no status to show. Try `natsx-sync plan`.",
    StalePlan: "What a saved plan rests on changed since: a file, the chart, a release, a record. Plan anew with `natsx-sync plan --out FILE`, or apply the rest with `natsx-sync apply FILE --fresh-only`.",
    StaleSnapshot: "The picture of the world is older than --max-age, or from the future. Take it anew with `natsx-sync snapshot`.",
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
