// The few shapes that the dashboards are made of.
{
  local datasource = { type: 'prometheus', uid: '${datasource}' },

  // `queries`: pairs of expression and legend.
  local targets(queries, instant=false) = [
    {
      datasource: datasource,
      expr: queries[i][0],
      legendFormat: queries[i][1],
      refId: std.char(65 + i),
      [if instant then 'instant']: true,
      [if instant then 'format']: 'table',
    }
    for i in std.range(0, std.length(queries) - 1)
  ],

  series(title, unit, queries, about='', stack=false, max=null):: {
    type: 'timeseries',
    title: title,
    description: about,
    datasource: datasource,
    targets: targets(queries),
    fieldConfig: {
      defaults: {
        unit: unit,
        min: 0,
        [if max != null then 'max']: max,
        custom: {
          fillOpacity: if stack then 30 else 5,
          lineWidth: 1,
          showPoints: 'never',
          stacking: { mode: if stack then 'normal' else 'none', group: 'A' },
        },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  },

  // `past`: a graph of how it was stands behind the number.
  number(title, unit, query, about='', red=null, past=true):: {
    type: 'stat',
    title: title,
    description: about,
    datasource: datasource,
    targets: targets([[query, '']]),
    fieldConfig: {
      defaults: {
        unit: unit,
        thresholds: {
          mode: 'absolute',
          steps: [{ color: 'green', value: null }] +
                 (if red == null then [] else [{ color: 'red', value: red }]),
        },
      },
      overrides: [],
    },
    options: {
      colorMode: 'value',
      graphMode: if past then 'area' else 'none',
      justifyMode: 'auto',
      orientation: 'auto',
      textMode: 'auto',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
  },

  // One row for each set of labels, one column for each query.
  table(title, queries, about=''):: {
    type: 'table',
    title: title,
    description: about,
    datasource: datasource,
    targets: targets(queries, instant=true),
    transformations: [
      { id: 'merge', options: {} },
      {
        id: 'organize',
        options: {
          excludeByName: { Time: true, job: true },
          indexByName: {},
          renameByName: {
            ['Value #' + std.char(65 + i)]: queries[i][1]
            for i in std.range(0, std.length(queries) - 1)
          },
        },
      },
    ],
    // With separators between thousands.
    fieldConfig: { defaults: { unit: 'locale' }, overrides: [] },
    options: { showHeader: true, cellHeight: 'sm' },
  },

  local variable(name, label, query) = {
    name: name,
    label: label,
    type: 'query',
    datasource: datasource,
    query: { query: query, refId: name },
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
    options: [],
    hide: 0,
  },

  // `rows`: lists of panels side by side; `variables`: pairs of name and query.
  dashboard(uid, title, config, variables, rows):: {
    uid: uid,
    title: title,
    tags: config.tags,
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    annotations: { list: [] },
    links: [{
      asDropdown: false,
      icon: 'external link',
      includeVars: true,
      keepTime: true,
      tags: config.tags,
      targetBlank: false,
      title: '',
      tooltip: '',
      type: 'dashboards',
      url: '',
    }],
    templating: {
      list: [{
        name: 'datasource',
        label: 'Data source',
        type: 'datasource',
        query: 'prometheus',
        refresh: 1,
        current: { selected: false, text: 'default', value: 'default' },
        options: [],
        hide: 0,
      }] + [
        variable(v[0], v[1], v[2])
        for v in [['instance', 'Server', 'label_values(conntrack_build_info{%s}, instance)' % config.selector]] + variables
      ],
    },
    panels: std.flattenArrays([
      local width = 24 / std.length(rows[r]);
      local flat = rows[r][0].type == 'stat';
      local above = std.foldl(function(sum, row) sum + (if row[0].type == 'stat' then 4 else 8), rows[:r], 0);
      [
        rows[r][p] {
          id: 100 * r + p + 1,
          gridPos: { x: width * p, y: above, w: width, h: if flat then 4 else 8 },
        }
        for p in std.range(0, std.length(rows[r]) - 1)
      ]
      for r in std.range(0, std.length(rows) - 1)
    ]),
  },
}
