/** The folder input under many deaths and many files; the fast suite has a few of each. */
import { test } from 'tap';
import { burst } from '../support/folder-burst.js';
import { killedAtAnyMoment } from '../support/folder-deaths.js';

test('killed 30 times at any moment, each file is settled exactly once', (t) => killedAtAnyMoment(t, 30));

test('thousands of files in a burst are each seen once, in bounded memory', (t) => burst(t, Number(process.env.SHOAL_TEST_BURST ?? 5000)));
