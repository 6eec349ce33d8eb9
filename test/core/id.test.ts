import { test } from 'tap';
import { captureId, captureIdPattern, idPattern, resultId, timeOfCaptureId } from '../../src/core/id.js';

test('a capture id sorts by time, carries it and may be part of a topic', async (t) => {
  const early = captureId(1_700_000_000_000);
  const late = captureId(1_700_000_000_001);
  t.ok(early < late);
  t.match(early, idPattern);
  t.match(early, captureIdPattern);
  t.notMatch('cap-00001', captureIdPattern);
  t.equal(timeOfCaptureId(late), 1_700_000_000_001);
});

test('a result id depends on capture and pipeline only', async (t) => {
  t.equal(resultId('a', 'p'), resultId('a', 'p'));
  t.not(resultId('a', 'p'), resultId('b', 'p'));
  t.not(resultId('a', 'p'), resultId('a', 'q'));
  t.match(resultId('a', 'p'), idPattern);
});

test('a result id is never taken for an option of a command', async (t) => {
  const ids = Array.from({ length: 1000 }, (_, i) => resultId(`c${i}`, 'p'));
  t.same(
    ids.filter((id) => !/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/.test(id)),
    [],
  );
});
