import { test } from 'tap';
import { boardClassOf, pinnedFor } from '../../src/core/board-class.js';

test('the class of a board is its architecture and whether it multiplies 8-bit integers fast', (t) => {
  t.equal(boardClassOf('arm64', ['fp', 'asimd', 'asimddp']), 'arm64-dot');
  t.equal(boardClassOf('arm64', ['fp', 'asimd']), 'arm64');
  t.equal(boardClassOf('x64', ['avx2', 'avx512_vnni']), 'x64-vnni');
  t.equal(boardClassOf('x64', ['avx2', 'avx_vnni']), 'x64-vnni');
  t.equal(boardClassOf('x64', ['avx2', 'asimddp']), 'x64', 'a feature counts on its own architecture only');
  t.equal(boardClassOf('arm64', ['avx_vnni']), 'arm64');
  t.end();
});

test('a board gets what is pinned for its class, else for the coarser one, else the default', (t) => {
  const pinned = { arm64: 'int8', 'x64-vnni': 'vnni', default: 'fp32' };
  t.equal(pinnedFor(pinned, 'arm64-dot'), 'int8');
  t.equal(pinnedFor({ ...pinned, 'arm64-dot': 'dot' }, 'arm64-dot'), 'dot');
  t.equal(pinnedFor(pinned, 'x64-vnni'), 'vnni');
  t.equal(pinnedFor(pinned, 'x64'), 'fp32', 'the finer class of another board does not count');
  t.equal(pinnedFor({}, 'x64'), undefined);
  t.end();
});
