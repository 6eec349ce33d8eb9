// The arrows of the house (docs/ARCHITECTURE.md). A room may import core and itself; what else is listed here.
const rooms = ['config', 'inputs', 'tasks', 'engine', 'flow', 'store', 'mqtt', 'sinks', 'registry', 'compile', 'http', 'ops', 'learn'];
const alsoImports = { engine: ['tasks'], registry: ['compile'], learn: ['tasks', 'compile', 'registry'] };

const arrows = rooms.map((room) => {
  const allowed = ['core', room, ...(alsoImports[room] ?? [])].join('|');
  return {
    name: `${room}-stays-home`,
    comment: `${room} may import core${alsoImports[room] ? ` and ${alsoImports[room]}` : ''}; daemon.ts hands out the rest`,
    severity: 'error',
    from: { path: `^src/${room}/` },
    to: { path: '^src/', pathNot: `^src/(${allowed})/` },
  };
});

// A guest is a package that only its door may import.
const guests = {
  'onnxruntime-node': 'src/engine/session.ts',
  sharp: 'src/engine/image.ts',
  mqtt: 'src/mqtt/',
  aedes: 'src/mqtt/embedded-broker.ts',
  'better-sqlite3': 'src/store/',
  serialport: 'src/inputs/serial/port-main.ts',
  pino: 'src/ops/log.ts',
  'prom-client': 'src/ops/metrics.ts',
  fastify: 'src/http/',
  commander: 'src/cli/',
  yaml: 'src/(config|registry)/',
  '@marcbachmann/cel-js': 'src/core/cel.ts',
};
const doors = Object.entries(guests).map(([guest, door]) => ({
  name: `one-door-for-${guest.replace(/\W/g, '')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^${door}` },
  to: { path: `node_modules/${guest}/` },
}));

module.exports = {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'core-is-pure', severity: 'error', from: { path: '^src/core/' }, to: { path: '^src/', pathNot: '^src/core/' } },
    { name: 'src-knows-no-tests', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bench|tools)/' } },
    {
      name: 'no-dev-package-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], dependencyTypesNot: ['type-only'] },
    },
    ...arrows,
    ...doors,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
