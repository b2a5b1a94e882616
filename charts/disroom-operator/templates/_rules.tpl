{{/* What the operator may do to ChatClusters and what belongs to them, in the namespaces that it looks after. */}}
{{- define "disroom-operator.rules" -}}
# What belongs to a ChatCluster goes with it by garbage collection. All that it may delete is what is asked for in
# spec.monitoring and then no more.
- apiGroups: [disroom.io]
  resources: [chatclusters]
  verbs: [get, list, watch]
- apiGroups: [disroom.io]
  resources: [chatclusters/status]
  verbs: [patch]
# Where the API server checks it, owning objects that block their owner's deletion takes this.
- apiGroups: [disroom.io]
  resources: [chatclusters/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [secrets, serviceaccounts, services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors, prometheusrules]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# Volumes of NATS grow by their claims.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, patch]
# Why pods and volumes do not come up, Kubernetes tells in Events.
- apiGroups: [""]
  resources: [events]
  verbs: [list, create, patch]
{{- end -}}
