/**
 * Goal: nothing that is killed, at any moment, may lose a result, change it or bring it out of order.
 * Method: the judge gets the acknowledgements a proxy saw handed to the daemon, the lines of the file sink, and what the store says
 * it committed. The control, a daemon that marks deliveries before their acknowledgement, must be found guilty by the same judge.
 */
import { test } from 'tap';
import { type History, judge, type Verdict } from '../e2e/judge.js';
import { skipWithoutMosquitto } from '../support/brokers.js';
import { Chance } from '../support/chance.js';
import { Corridor, type Evidence, type Plan, pipelines } from './corridor.js';

const plan: Plan = { captures: 500, coreKills: 18, engineKills: 12, brokerKills: 10, blackholes: 3 };
const controlPlan: Plan = { captures: 100, coreKills: 2, engineKills: 1, brokerKills: 1, blackholes: 3 };

interface Figure {
  readonly what: string;
  readonly found: number;
  readonly target: string;
  readonly holds: boolean;
}

const is = (what: string, found: number, target: number): Figure => ({ what, found, target: `= ${target}`, holds: found === target });
const atLeast = (what: string, found: number, least: number): Figure => ({ what, found, target: `>= ${least}`, holds: found >= least });
const seen = (what: string, found: number): Figure => ({ what, found, target: 'shown', holds: true });

function deliveredByMqtt(corridor: Corridor, evidence: Evidence): Verdict {
  const ids = evidence.results.map(({ id }) => id);
  return judge({ expected: ids, commitOrder: ids, acked: corridor.proxy.acked, received: corridor.subscriber.messages });
}

/** Order is judged apart: a line does not say which lane it came by. */
function deliveredToFile(evidence: Evidence): Verdict {
  const ids = evidence.results.map(({ id }) => id);
  const lines: History['acked'] = evidence.lines.map((payload) => ({ topic: 'shoal/dock-7/result/any/journal', payload, reasonCode: 0 }));
  const verdict = judge({ expected: ids, commitOrder: ids, acked: lines, received: lines });
  return { ...verdict, violations: verdict.violations.filter((violation) => !/^(order:|\.\.\. )/.test(violation)) };
}

/** First lines that fit neither of two lanes, each of which keeps the order of the commits. */
function strayLines(evidence: Evidence): number {
  const place = new Map(evidence.results.map(({ id }, index) => [id, index]));
  const firsts = new Set(evidence.lines.map((line) => (JSON.parse(line.toString()) as { id: string }).id));
  let [late, early] = [-1, -1];
  let strays = 0;
  for (const id of firsts) {
    const index = place.get(id) ?? -1;
    if (index > late) late = index;
    else if (index > early) early = index;
    else strays++;
  }
  return strays;
}

function faultFigures(corridor: Corridor, evidence: Evidence, faults: Plan): Figure[] {
  const { hits } = corridor;
  const attempts = corridor.subscriber
    .on(/\/(result|backlog)\//)
    .map(({ payload }) => JSON.parse(payload.toString()).trace.attempt as number);
  return [
    is('core kills that hit it alive', hits.core, faults.coreKills),
    is('engine kills that hit one alive', hits.engines, faults.engineKills),
    is('broker kills that hit it alive', hits.broker, faults.brokerKills),
    is('times the link went mute with deliveries in it', hits.blackholes, faults.blackholes),
    atLeast('kills with captures claimed', hits.withWork, (faults.coreKills + faults.engineKills) / 2),
    atLeast('results of a second attempt', attempts.filter((attempt) => attempt > 1).length, 1),
    seen('seconds', Math.round(evidence.seconds)),
  ];
}

function deliveryFigures(corridor: Corridor, evidence: Evidence): Figure[] {
  const { results, backlog } = evidence;
  const expected = plan.captures * pipelines.length;
  const mqtt = deliveredByMqtt(corridor, evidence);
  const file = deliveredToFile(evidence);
  const { acked, sent } = corridor.proxy;
  const named = new Set(results.map(({ captureName, pipeline }) => `${captureName} ${pipeline}`));
  return [
    is('results, one for each capture and pipeline', results.length, expected),
    is('... of which different', named.size, expected),
    is('... of which failed', results.filter(({ outcome }) => outcome !== 'published').length, 0),
    is('mqtt: results acknowledged (PUBACK seen)', mqtt.delivered, expected),
    is('mqtt: broken promises', mqtt.violations.length, 0),
    is('mqtt: still owed', backlog.lan?.owed ?? -1, 0),
    is('mqtt: dead letters', backlog.lan?.dead ?? -1, 0),
    atLeast('mqtt: PUBLISHes sent', sent.filter(isResult).length, expected),
    seen('mqtt: PUBACKs for results', acked.filter(isResult).length),
    seen('mqtt: ... on the lane of delayed ones', acked.filter(({ topic }) => topic.includes('/backlog/')).length),
    seen('mqtt: results that came again to the subscriber', repeats(corridor)),
    seen('mqtt: lost by the broker after its PUBACK', mqtt.lostByBroker),
    is('file: results written', file.delivered, expected),
    is('file: broken promises', file.violations.length, 0),
    is('file: lines out of order', strayLines(evidence), 0),
    seen('file: duplicates', file.duplicates),
    is('away: results that wait', backlog.away?.owed ?? -1, expected),
    is('away: dead letters', backlog.away?.dead ?? -1, 0),
    is('files left in the inbox', evidence.left.inbox, 0),
    is('files left in work/', evidence.left.work, 0),
    is('files in failed/', evidence.left.failed, 0),
    is('captures in quarantine', evidence.quarantined, 0),
    is('processes left behind by the last core', evidence.orphans, 0),
  ];
}

/** On whichever lane. */
function repeats(corridor: Corridor): number {
  const results = corridor.subscriber.messages.filter(isResult);
  return results.length - new Set(results.map(({ payload }) => payload.toString())).size;
}

function isResult({ topic }: { readonly topic: string }): boolean {
  return /\/(result|backlog)\//.test(topic);
}

function show(t: { comment(text: string): void }, figures: readonly Figure[]): void {
  t.comment(`${'figure'.padEnd(52)}${'found'.padStart(7)}  ${'target'.padEnd(10)}verdict`);
  for (const { what, found, target, holds } of figures) {
    t.comment(`${what.padEnd(52)}${String(found).padStart(7)}  ${target.padEnd(10)}${holds ? 'ok' : 'BROKEN'}`);
  }
}

test('nothing is lost, changed or brought out of order while core, engines and broker are killed', {
  skip: skipWithoutMosquitto,
}, async (t) => {
  const chance = new Chance();
  t.comment(`seed ${chance.seed} (repeat with SHOAL_TEST_SEED=${chance.seed})`);
  const corridor = new Corridor(plan, chance);
  t.teardown(() => corridor.close());
  const evidence = await corridor.run().catch((error: unknown) => {
    t.comment(corridor.scratch.lastWords());
    throw error;
  });
  const figures = [...faultFigures(corridor, evidence, plan), ...deliveryFigures(corridor, evidence)];
  show(t, figures);
  t.same([...deliveredByMqtt(corridor, evidence).violations, ...deliveredToFile(evidence).violations], [], 'every promise was kept');
  for (const { what, found, target, holds } of figures) if (!holds) t.fail(`${what}: ${found}, target ${target}`);
});

test('a daemon that marks deliveries before their acknowledgement is found guilty', { skip: skipWithoutMosquitto }, async (t) => {
  const entry = new URL('../support/early-daemon.js', import.meta.url).pathname;
  const corridor = new Corridor({ ...controlPlan, entry }, new Chance());
  t.teardown(() => corridor.close());
  const evidence = await corridor.run();
  show(t, faultFigures(corridor, evidence, controlPlan));
  const verdict = deliveredByMqtt(corridor, evidence);
  const expected = controlPlan.captures * pipelines.length;
  t.comment(`${verdict.delivered} of ${expected} acknowledged; ${verdict.violations[0] ?? 'nothing found'}`);
  t.equal(evidence.results.length, expected, 'it computed and committed everything');
  t.equal(evidence.backlog.lan?.owed, 0, 'it believes that all is delivered');
  t.ok(verdict.delivered < expected, 'results are missing');
  t.ok(
    verdict.violations.some((violation) => violation.startsWith('missing: ')),
    'and the judge says so',
  );
});
