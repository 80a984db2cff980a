// The shapes in which clients call: node-postgres and Prisma, against the databases of MAIN_URL and AAS_URL.
// Run by test/t/051_clients.pl, which prepares both.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import pg from 'pg';
import { PrismaClient } from '@prisma/client';
import { PrismaPg } from '@prisma/adapter-pg';

const connectionString = process.env.MAIN_URL;
const main = new pg.Pool({ connectionString });
const aas = new pg.Pool({ connectionString: process.env.AAS_URL });
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }) });
after(async () => { await main.end(); await aas.end(); await prisma.$disconnect(); });

const call = 'SELECT dcx_vm_cost($1, $2, $3, $4, $5) AS cost';
const shapes = {
  integers: ['1GHZ', 2, 4, 'STANDARD', 40],
  strings: ['1GHZ', '2', '4', 'STANDARD', '40'],
  bigints: ['1GHZ', 2n, 4n, 'STANDARD', 40n],
};

for (const [name, parameters] of Object.entries(shapes)) {
  test(`node-postgres, ${name}`, async () => {
    assert.equal((await main.query(call, parameters)).rows[0].cost, '376.00');
  });
  test(`Prisma, ${name}`, async () => {
    const [{ cost }] = await prisma.$queryRawUnsafe(call, ...parameters);
    assert.equal(cost.toFixed(2), '376.00');
  });
}

test('node-postgres, a fraction', async () => {
  assert.equal((await main.query(call, ['1GHZ', 2, 4.5, 'STANDARD', 0.1])).rows[0].cost, '322.68');
});

test('Prisma, a fraction', async () => {
  const [{ cost }] = await prisma.$queryRaw`SELECT dcx_vm_cost('1GHZ', ${2}, ${4.5}, 'STANDARD', ${0.1}) AS cost`;
  assert.equal(cost.toFixed(2), '322.68');
});

test('Prisma reads every result', async () => {
  const quote = await prisma.$queryRaw`SELECT * FROM dcx_vm_quote('1GHZ', ${2}, ${4}, 'STANDARD', ${40})`;
  assert.deepEqual(quote.map(({ line, code, amount }) => [line, code, amount.toFixed(2)]),
    [[1, 'CPU_1GHZ', '156.00'], [2, 'RAM_GB', '148.00'], [3, 'STORAGE_STANDARD', '72.00']]);
  const templates = await prisma.$queryRaw`SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD')`;
  assert.equal(templates.length, 24);
  const [{ loads }] = await prisma.$queryRaw`SELECT * FROM dcx_price_book_stats()`;
  assert.equal(typeof loads, 'bigint');
  const [{ affordable }] = await prisma.$queryRaw`SELECT dcx_wallet_can_afford('org-acme', ${376.5}) AS affordable`;
  assert.equal(affordable, true);
});

test('an SQLSTATE of ours reaches both', async () => {
  await assert.rejects(main.query(call, ['3GHZ', 2, 4, 'STANDARD', 40]), (error) =>
    error.code === 'ZD002' && error.hint.startsWith('On offer: 1GHZ'));
  await assert.rejects(prisma.$queryRawUnsafe(call, '3GHZ', 2, 4, 'STANDARD', 40), /ZD002/);
});

test('updatedAt moves also for a writer that is not Prisma', async () => {
  const where = { organisationId: 'org-acme' };
  const before = await prisma.organisationWallet.findUniqueOrThrow({ where });
  await main.query(`UPDATE "OrganisationWallet" SET balance = balance + 1 WHERE "organisationId" = 'org-acme'`);
  const after = await prisma.organisationWallet.findUniqueOrThrow({ where });
  assert.ok(after.updatedAt > before.updatedAt);
  assert.ok(Math.abs(after.updatedAt - Date.now()) < 60_000, 'in UTC');
  await prisma.organisationWallet.update({ where, data: { balance: before.balance } });
});

test('the example of the README', async () => {
  const [, example] = readFileSync(process.env.README, 'utf8').match(/^```ts\n(.*?)^```$/ms);
  const run = Object.getPrototypeOf(async () => {}).constructor;
  const { before, affordableBefore, vm } =
    await new run('aas', 'main', `${example}; return { before, affordableBefore, vm };`)(aas, main);
  assert.equal(before, 376);
  assert.equal(affordableBefore, true);
  assert.deepEqual(vm, { cost: '376.00', affordable: true });
});
