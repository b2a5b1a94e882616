/** What dashboards are made of, as far as these need it; `grafanaJson` makes what Grafana imports of it. */
export type Dashboard = {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly Row[];
};

/** A list to choose from: the values of a label. */
export type Variable = { readonly name: string; readonly label: string; readonly query: string };

export type Row = { readonly title: string; readonly panels: readonly Panel[] };

export type Panel = {
  readonly title: string;
  readonly description: string;
  /** One of Grafana's units: s, bytes, ops, short, percentunit, bool_yes_no. */
  readonly unit: string;
  /** A number that stands for now; else lines over time. */
  readonly now?: boolean;
  /** An axis whose steps are powers of ten, where the median and the slowest are far apart. */
  readonly logarithmic?: boolean;
  readonly queries: readonly Query[];
};

export type Query = {
  readonly expr: string;
  /** Name of the line; labels in double braces. */
  readonly legend: string;
  /** Drawn against an axis of its own on the right, in this unit. */
  readonly rightUnit?: string;
};

const columns = 24;
const datasource = { type: "prometheus", uid: "$" + "{datasource}" };

export function grafanaJson({ uid, title, description, variables, rows }: Dashboard): object {
  return {
    uid,
    title,
    description,
    tags: ["disroom"],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
        ...variables.map(variable),
      ],
    },
    panels: placed(rows),
  };
}

function variable({ name, label, query }: Variable): object {
  return {
    name,
    label,
    type: "query",
    datasource,
    definition: query,
    query: { query, refId: name },
    // When the time range changes: ChatClusters come and go.
    refresh: 2,
    sort: 1,
  };
}

/** Numbers six to a line, drawings two to a line. */
function placed(rows: readonly Row[]): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const { title, panels: inRow } of rows) {
    panels.push({ id: panels.length + 1, type: "row", title, gridPos: { x: 0, y, w: columns, h: 1 } });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of inRow) {
      const [w, h] = panel.now ? [4, 4] : [12, 8];
      if (x + w > columns || (height > 0 && h !== height)) {
        y += height;
        x = 0;
      }
      panels.push({ id: panels.length + 1, ...shown(panel), gridPos: { x, y, w, h } });
      x += w;
      height = h;
    }
    y += height;
  }
  return panels;
}

function shown({ title, description, unit, now = false, logarithmic = false, queries }: Panel): object {
  const targets = queries.map(({ expr, legend }, index) => ({
    refId: String.fromCharCode(65 + index),
    datasource,
    expr,
    legendFormat: legend,
    ...(now && { instant: true }),
  }));
  const common = { title, description, datasource, targets };
  if (now) {
    return {
      type: "stat",
      ...common,
      fieldConfig: { defaults: { unit, color: { mode: "thresholds" } }, overrides: [] },
      options: { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "none" },
    };
  }
  return {
    type: "timeseries",
    ...common,
    fieldConfig: {
      defaults: logarithmic
        ? { unit, custom: { showPoints: "never", scaleDistribution: { type: "log", log: 10 } } }
        : { unit, min: 0, custom: { showPoints: "never", fillOpacity: 10 } },
      overrides: queries.flatMap(({ rightUnit }, index) =>
        rightUnit === undefined ? [] : [onTheRight(String.fromCharCode(65 + index), rightUnit)],
      ),
    },
    options: {
      legend: { displayMode: "list", placement: "bottom" },
      tooltip: { mode: "multi", sort: "desc" },
    },
  };
}

/** Steps, since what is on the right is counted in whole things. */
function onTheRight(refId: string, unit: string): object {
  return {
    matcher: { id: "byFrameRefID", options: refId },
    properties: [
      { id: "unit", value: unit },
      { id: "custom.axisPlacement", value: "right" },
      { id: "custom.lineInterpolation", value: "stepAfter" },
      { id: "custom.fillOpacity", value: 0 },
    ],
  };
}
