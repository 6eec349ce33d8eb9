import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { type BoardFeel, PressureLadder } from '../../src/core/pressure.js';

const thresholds = { hotCelsius: 80, memoryStallPercent: 20, lowBatteryPercent: 15 };
const well: BoardFeel = { temperatureCelsius: 60, throttled: [], memoryStallPercent: 0, batteryPercent: null };

/** Looks once a second; answers the steps at each look. */
function looks(ladder: PressureLadder, fromMs: number, feels: readonly BoardFeel[]): number[] {
  return feels.map((feel, i) => ladder.look(feel, fromMs + i * 1000).steps);
}

test('a heated board takes a step within ten seconds, another while it stays hot, and goes back step by step', async (t) => {
  const ladder = new PressureLadder(thresholds);
  const hot = { ...well, temperatureCelsius: 84 };
  const up = looks(ladder, 0, Array(20).fill(hot));
  t.ok(up.indexOf(1) * 1000 <= 10_000, 'in time');
  t.ok(up.indexOf(1) * 1000 >= limits.boardPressedMs, 'a moment is no pressure');
  t.equal(up.at(-1), 2);
  t.match(ladder.pressure.reason, /84\.0 °C hot \(80 °C is too hot\)/);
  t.equal(ladder.look({ ...well, temperatureCelsius: 77 }, 20_000).steps, 2, 'a little cooler is not cool');
  const down = looks(ladder, 21_000, Array(12).fill(well));
  t.same([down[0], down.at(-1)], [2, 0]);
  t.ok(down.indexOf(0) * 1000 <= 10_000, 'back within ten seconds');
  t.equal(ladder.pressure.reason, null);
});

test('a board that heats whenever it works does not flap: each return makes it wait twice as long', async (t) => {
  const ladder = new PressureLadder(thresholds);
  let changes = 0;
  let before = 0;
  let celsius = 70;
  for (let second = 0; second < 3600; second++) {
    // It heats by 2 degrees a second as configured, and cools by 2 with a step.
    celsius += before === 0 ? 2 : -2;
    const { steps } = ladder.look({ ...well, temperatureCelsius: celsius }, second * 1000);
    if (steps !== before) changes++;
    before = steps;
  }
  t.ok(changes < 70, `${changes} changes in an hour`);
  const hasty = 3600 / ((limits.boardPressedMs + limits.boardCalmMs) / 1000 + 10);
  t.ok(changes < hasty, `far fewer than without patience (${Math.round(hasty)})`);
});

test('slow heat does not flap either, a flickering throttle counts as one, and no more steps are taken than there are', async (t) => {
  for (const rate of [0.1, 0.3, 0.5]) {
    const ladder = new PressureLadder(thresholds);
    let [changes, before, celsius] = [0, 0, 70];
    for (let second = 0; second < 3600; second++) {
      celsius += before === 0 ? rate : -rate;
      const { steps } = ladder.look({ ...well, temperatureCelsius: celsius }, second * 1000, 1);
      if (steps !== before) changes++;
      before = steps;
    }
    t.ok(changes <= 70, `${rate} degrees a second: ${changes} changes an hour`);
  }
  const flicker = new PressureLadder(thresholds);
  const seen = Array.from({ length: 60 }, (_, i) => flicker.look({ ...well, throttled: i % 3 === 2 ? [] : ['slow'] }, i * 1000, 1).steps);
  t.equal(seen.at(-1), 1);
  t.equal(
    seen.slice(seen.indexOf(1)).every((steps) => steps === 1),
    true,
  );
  const back = looks(flicker, 60_000, Array(12).fill(well));
  t.equal(back.at(-1), 0, 'one step is taken back as soon as one');
});

test('memory, a battery and a throttle are pressure, each with its words; what is not known is none', async (t) => {
  const reasonOf = (feel: Partial<BoardFeel>) => {
    const ladder = new PressureLadder(thresholds);
    looks(ladder, 0, Array(6).fill({ ...well, ...feel }));
    return ladder.pressure.reason;
  };
  t.match(reasonOf({ memoryStallPercent: 35 }), /memory is short: something waited for it 35 % of the time/);
  t.match(reasonOf({ batteryPercent: 12 }), /battery is at 12 %/);
  t.match(reasonOf({ throttled: ['the supply voltage is low'] }), /supply voltage is low/);
  t.equal(reasonOf({ batteryPercent: 60 }), null);
  t.equal(reasonOf({ temperatureCelsius: null, memoryStallPercent: null }), null);
});
