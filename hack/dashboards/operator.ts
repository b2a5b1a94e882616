import type { Dashboard, Panel } from "./grafana.ts";
import { queriesOf } from "./queries.ts";

const { of, rate, quantile, quantiles, processes } = queriesOf('namespace="$namespace",role="operator"');

/** These speak of ChatClusters in any namespace, and each operator says them. */
const condition = (type: string): string =>
  `max by (namespace, name) (disroom_chatcluster_condition{type="${type}"})`;

const now: Panel[] = [
  {
    title: "Leaders",
    description: "Operators that act: one, always.",
    unit: "short",
    now: true,
    queries: [{ expr: `sum(${of("leader_election_master_status")})`, legend: "leaders" }],
  },
  {
    title: "Operators",
    description: "Operators that run. All but the leader wait for their turn.",
    unit: "short",
    now: true,
    queries: [{ expr: `count(${of("leader_election_master_status")})`, legend: "operators" }],
  },
  {
    title: "ChatClusters",
    description: "ChatClusters that the operator looks after, in all namespaces.",
    unit: "short",
    now: true,
    queries: [{ expr: `count(${condition("Ready")})`, legend: "ChatClusters" }],
  },
  {
    title: "Not ready",
    description: "ChatClusters in which people cannot chat.",
    unit: "short",
    now: true,
    queries: [{ expr: `count(${condition("Ready")}) - sum(${condition("Ready")})`, legend: "not ready" }],
  },
  {
    title: "Refused changes",
    description: "ChatClusters for which the operator could not do all that the spec asks.",
    unit: "short",
    now: true,
    queries: [
      {
        expr: `count(${condition("ReconcileSuccess")}) - sum(${condition("ReconcileSuccess")})`,
        legend: "refused",
      },
    ],
  },
];

const reconciling: Panel[] = [
  {
    title: "Leader",
    description: "Which operator acts (1) and which ones wait (0).",
    unit: "short",
    queries: [{ expr: `max by (pod) (${of("leader_election_master_status")})`, legend: "{{pod}}" }],
  },
  {
    title: "Reconciles per second",
    description: "By what came of them; requeue_after: all is well, and it looks again later.",
    unit: "short",
    queries: [{ expr: rate("controller_runtime_reconcile_total", "result"), legend: "{{result}}" }],
  },
  {
    title: "Errors and new attempts per second",
    description: "Reconciles that failed, and ChatClusters that came into the queue again since.",
    unit: "short",
    queries: [
      { expr: rate("controller_runtime_reconcile_errors_total"), legend: "errors" },
      { expr: rate("workqueue_retries_total"), legend: "new attempts" },
    ],
  },
  {
    title: "Duration of a reconcile",
    description: "How long it takes to look at one ChatCluster and put it right.",
    unit: "s",
    logarithmic: true,
    queries: quantiles("controller_runtime_reconcile_time_seconds"),
  },
  {
    title: "Queue",
    description:
      "ChatClusters that wait to be looked at, those at work, and how many may be at work at once.",
    unit: "short",
    queries: [
      // Those that wait for their turn to lead hold all ChatClusters in their queue.
      {
        expr: `sum(${of("workqueue_depth")} and on (pod) ${of("leader_election_master_status")} == 1)`,
        legend: "waiting",
      },
      { expr: `sum(${of("controller_runtime_active_workers")})`, legend: "at work" },
      { expr: `max(${of("controller_runtime_max_concurrent_reconciles")})`, legend: "at work at most" },
    ],
  },
  {
    title: "Wait in the queue",
    description: "From something's happening to a ChatCluster to the operator's looking at it.",
    unit: "s",
    logarithmic: true,
    queries: quantiles("workqueue_queue_duration_seconds"),
  },
  {
    title: "Changes seen per second",
    description: "How often something that concerns a ChatCluster has put it into the queue.",
    unit: "short",
    queries: [{ expr: rate("workqueue_adds_total"), legend: "added" }],
  },
  {
    title: "Longest reconcile under way",
    description: "It gives up after two minutes.",
    unit: "s",
    queries: [
      { expr: `max by (pod) (${of("workqueue_longest_running_processor_seconds")})`, legend: "{{pod}}" },
    ],
  },
];

const api: Panel[] = [
  {
    title: "API requests per second, by status",
    description: "409 is somebody who was quicker, 429 an API server that is busy.",
    unit: "short",
    queries: [{ expr: rate("rest_client_requests_total", "code"), legend: "{{code}}" }],
  },
  {
    title: "API requests per second, by verb",
    description: "In the steady state there is next to nothing but the renewal of the Lease.",
    unit: "short",
    queries: [{ expr: rate("rest_client_request_duration_seconds_count", "verb"), legend: "{{verb}}" }],
  },
  {
    title: "Duration of API requests, p99",
    description: "By verb. A watch counts until it is open.",
    unit: "s",
    queries: [{ expr: quantile(0.99, "rest_client_request_duration_seconds", "verb"), legend: "{{verb}}" }],
  },
];

export const operator: Dashboard = {
  uid: "disroom-operator",
  title: "DisRoom / Operator",
  description: "The operator: who leads, what it does, and what it asks of the API server.",
  variables: [
    {
      name: "namespace",
      label: "Namespace",
      query: 'label_values(leader_election_master_status{role="operator"}, namespace)',
    },
  ],
  rows: [
    { title: "Now", panels: now },
    { title: "Reconciling", panels: reconciling },
    { title: "API server", panels: api },
    { title: "Processes", panels: processes() },
  ],
};
