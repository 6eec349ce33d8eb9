/** Whether an address is this machine's own and no other's: 127.0.0.0/8, ::1, and the names that stand for them. */
export function isLoopback(address: string): boolean {
  const bare = address
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '');
  return bare === 'localhost' || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare);
}
