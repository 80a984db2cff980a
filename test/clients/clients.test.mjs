// The shapes in which clients call: node-postgres, Prisma and postgres.js, against the databases of MAIN_URL and AAS_URL.
// MAIN_URL is the application's, FINANCE_URL goes to the same database.
// Run by test/t/051_clients.pl, which prepares both.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { createJiti } from 'jiti';
import pg from 'pg';
import postgres from 'postgres';
import { Prisma, PrismaClient } from '@prisma/client';
import { PrismaPg } from '@prisma/adapter-pg';

const connectionString = process.env.MAIN_URL;
const main = new pg.Pool({ connectionString });
const aas = new pg.Pool({ connectionString: process.env.AAS_URL });
const finance = new pg.Pool({ connectionString: process.env.FINANCE_URL });
const postgresJs = postgres(connectionString);
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }) });
const prismaFinance = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.FINANCE_URL }) });
after(() => Promise.all([main.end(), postgresJs.end(), aas.end(), finance.end(), prisma.$disconnect(), prismaFinance.$disconnect()]));

// The TypeScript of the README, docs/pricing.md and docs/wallet.md, as JavaScript.
const [replaced, priceWithPrisma, price, helper, orders, finished, withPrisma] = [process.env.README, process.env.PRICING, process.env.WALLET]
  .flatMap((page) => readFileSync(page, 'utf8').match(/(?<=^```ts\n).*?(?=^```$)/gms))
  .map((source) => createJiti(import.meta.url).transform({ source, ts: true, async: true }));

function run(code, names, parameters) {
  return Object.getPrototypeOf(async () => {}).constructor(...Object.keys(parameters), `${code}
    return { ${names} };`)(...Object.values(parameters));
}

// All that the docs say of errors is in one function.
const { sqlstate, again } = await run(helper, 'sqlstate, again', {});

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

// What the functions of the wallet take, each in its forms. An interval and a jsonb are sent as text.
const signatures = {
  dcx_vm_reserve: [['text', 'text', 'numeric', 'numeric', 'text', 'numeric', 'text', 'interval', 'numeric', 'boolean']],
  dcx_order_quote: [['jsonb']],
  dcx_order_reserve: [['text', 'jsonb', 'text', 'interval', 'numeric', 'boolean']],
  dcx_wallet_hold: [['text', 'numeric', 'text', 'interval', 'text', 'jsonb']],
  dcx_wallet_extend: [['bigint', 'interval'], ['text', 'bigint', 'interval']],
  dcx_wallet_release: [['bigint'], ['text', 'bigint']],
  dcx_wallet_capture: [['bigint', 'numeric'], ['text', 'bigint', 'numeric']],
  dcx_wallet_credit: [['text', 'numeric', 'text', 'text', 'jsonb']],
  dcx_wallet_debit: [['text', 'numeric', 'text', 'text', 'jsonb']],
  dcx_wallet_available: [['text']],
  dcx_wallet_holds: [['text', 'text', 'bigint', 'integer']],
  dcx_wallet_hold_of: [['text', 'text']],
  dcx_wallet_statement: [['text', 'timestamptz', 'timestamptz', 'bigint', 'integer']],
  dcx_hold_verify: [['bigint']],
  dcx_wallet_audit: [[]],
};

// How each client calls, what it makes of bigint and numeric, and where it has an SQLSTATE.
const clients = {
  'node-postgres': {
    app: async (sql, values) => (await main.query(sql, values)).rows,
    finance: async (sql, values) => (await finance.query(sql, values)).rows,
    id: 'string',
    money: (value) => (assert.equal(typeof value, 'string'), value),
    state: (error) => sqlstate(error),
  },
  Prisma: {
    app: (sql, values) => prisma.$queryRawUnsafe(sql, ...values),
    finance: (sql, values) => prismaFinance.$queryRawUnsafe(sql, ...values),
    id: 'bigint',
    money: (value) => (assert.ok(Prisma.Decimal.isDecimal(value)), value.toFixed(2)),
    state: (error) => sqlstate(error),
  },
};

function callsOf(client, typed) {
  return (role, name, ...values) => client[role](`SELECT * FROM ${name}(${
    signatures[name].find((types) => types.length >= values.length).slice(0, values.length)
      .map((type, i) => `$${i + 1}${typed ? `::${type}` : ''}`)})`, values);
}

for (const [name, form, organisation, start] of [
  ['node-postgres', 'untyped', 'org-hooli', 250000], ['node-postgres', 'typed', 'org-umbrella', 18432.1],
  ['Prisma', 'untyped', 'org-wonka', 5120.4], ['Prisma', 'typed', 'org-cyberdyne', 76250.75]]) {
  const client = clients[name];
  const { money } = client;
  const call = callsOf(client, form === 'typed');
  const vm = [organisation, '1GHZ', 2, 4.5, 'STANDARD', 40, 'an order', '15 minutes', '400'];

  test(`the wallet, ${name}, ${form}`, async () => {
    const since = new Date(Date.now() - 3_600_000);

    const [held] = await call('app', 'dcx_vm_reserve', ...vm);
    assert.equal(typeof held.hold_id, client.id);
    assert.ok(held.expires_at instanceof Date);
    assert.deepEqual([money(held.cost), money(held.available), held.replayed],
      ['394.50', (start - 394.5).toFixed(2), false]);
    assert.deepEqual(await call('app', 'dcx_vm_reserve', ...vm), [{ ...held, replayed: true }]);

    assert.equal(held.refused, null);
    const [longer] = await call('app', 'dcx_wallet_extend', organisation, held.hold_id, '1 hour');
    assert.ok(longer.expires_at - held.expires_at > 30 * 60_000);
    assert.equal((await call('app', 'dcx_wallet_extend', held.hold_id, '1 minute'))[0].replayed, true);
    assert.deepEqual((await call('app', 'dcx_wallet_holds', organisation)).map(({ quote }) => quote.lines.length), [3]);

    const [captured] = await call('app', 'dcx_wallet_capture', organisation, held.hold_id, 300.5);
    assert.equal(typeof captured.entry_id, client.id);
    assert.deepEqual([captured.amount, captured.balance, captured.available].map(money),
      ['-300.50', (start - 300.5).toFixed(2), (start - 300.5).toFixed(2)]);
    assert.equal((await call('app', 'dcx_wallet_capture', held.hold_id, '300.5'))[0].replayed, true);
    assert.equal((await call('app', 'dcx_wallet_capture', organisation, held.hold_id, '300.50'))[0].replayed, true);

    const [other] = await call('app', 'dcx_wallet_hold', organisation, 10n, 'another', '2 hours', 'A licence',
      { seats: 5 });
    assert.equal(money(other.amount), '10.00');
    const [all] = await call('app', 'dcx_wallet_hold', organisation, '0.01', 'a third', '2 hours', null, null);
    assert.equal(money((await call('app', 'dcx_wallet_capture', organisation, all.hold_id, null))[0].amount), '-0.01');
    assert.equal((await call('app', 'dcx_wallet_capture', all.hold_id, null))[0].replayed, true);
    assert.equal((await call('app', 'dcx_wallet_capture', all.hold_id))[0].replayed, true);
    const [found] = await call('app', 'dcx_wallet_hold_of', organisation, 'another');
    assert.deepEqual([found.hold_id, found.state], [other.hold_id, 'open']);
    const [released] = await call('app', 'dcx_wallet_release', organisation, other.hold_id);
    assert.equal((await call('app', 'dcx_wallet_release', other.hold_id))[0].replayed, true);
    assert.equal(money(released.available), (start - 300.51).toFixed(2));

    const [credit] = await call('finance', 'dcx_wallet_credit', organisation, 0.1, 'a payment', 'Deposit',
      { bank: 'ours' });
    assert.deepEqual([money(credit.amount), credit.replayed], ['0.10', false]);
    const [debit] = await call('finance', 'dcx_wallet_debit', organisation, '5.00', 'a fee');
    assert.deepEqual([money(debit.amount), money(debit.balance)], ['-5.00', (start - 305.41).toFixed(2)]);
    const [{ dcx_wallet_available: available }] = await call('app', 'dcx_wallet_available', organisation);
    assert.equal(money(available), (start - 305.41).toFixed(2));

    const until = new Date(Date.now() + 3_600_000);
    const statement = await call('finance', 'dcx_wallet_statement', organisation, since, until);
    assert.deepEqual(statement.map(({ kind, amount }) => `${kind} ${money(amount)}`),
      [`opening ${start.toFixed(2)}`, 'capture -300.50', 'capture -0.01', 'credit 0.10', 'debit -5.00']);
    assert.deepEqual(statement.map((entry) => entry.hold_id), [null, held.hold_id, all.hold_id, null, null]);
    assert.deepEqual(statement[3].details, { bank: 'ours' });
    assert.deepEqual(statement.map((entry) => entry.session_role),
      ['postgres', 'main_app', 'main_app', 'finance', 'finance']);
    assert.deepEqual(await call('finance', 'dcx_wallet_statement', organisation, new Date(0), since), []);
    assert.deepEqual(await call('finance', 'dcx_wallet_statement', organisation, since, until, statement[1].entry_id, 2),
      statement.slice(2, 4));

    const holds = await call('finance', 'dcx_wallet_holds', organisation, null);
    assert.deepEqual(holds.map(({ state }) => state), ['captured', 'released', 'captured']);
    assert.deepEqual(await call('finance', 'dcx_wallet_holds', organisation, null, holds[0].hold_id, 1), [holds[1]]);
    assert.deepEqual((await call('finance', 'dcx_hold_verify', held.hold_id)).map(({ code, ok }) => `${code} ${ok}`),
      ['CPU_1GHZ true', 'RAM_GB true', 'STORAGE_STANDARD true', 'total true']);
    assert.deepEqual(await call('finance', 'dcx_wallet_audit'), []);
  });

  test(`refusals of the wallet, ${name}, ${form}`, async () => {
    const refused = (state, ...asked) => assert.rejects(call(...asked), (error) => {
      assert.equal(client.state(error), state);
      return true;
    });
    await refused('ZD001', 'app', 'dcx_wallet_hold', organisation, 1e9, 'dear', '1 hour');
    await refused('ZD004', 'app', 'dcx_vm_reserve', ...vm.with(2, 4));
    await refused('ZD011', 'app', 'dcx_wallet_release', 1_000_000n);
    const [captured] = await call('app', 'dcx_wallet_hold_of', organisation, 'an order');
    await refused('ZD005', 'app', 'dcx_wallet_release', organisation, captured.hold_id);
    await refused('ZD011', 'app', 'dcx_wallet_release', 'org-nowallet', captured.hold_id);
    const [tooDear] = await call('app', 'dcx_vm_reserve', ...vm.with(6, 'dearer').with(8, '394.49'), true);
    assert.deepEqual([tooDear.hold_id, money(tooDear.cost), tooDear.refused], [null, '394.50', 'ZD009']);
    const [tooMuch] = await call('app', 'dcx_vm_reserve', ...vm.with(6, 'dearer').with(5, 1e6).with(8, null), true);
    assert.deepEqual([tooMuch.hold_id, tooMuch.expires_at, tooMuch.replayed, tooMuch.refused], [null, null, false, 'ZD001']);
    await refused('ZD006', 'app', 'dcx_wallet_hold', 'org-nowallet', 1, 'none', '1 hour');
    await refused('ZD009', 'app', 'dcx_vm_reserve', ...vm.with(6, 'dearer').with(8, '394.49'));
    await refused('22023', 'finance', 'dcx_wallet_credit', organisation, 0.1 + 0.2, 'a sum in floats');
    await refused('42501', 'app', 'dcx_wallet_credit', organisation, 1, 'a gift');
    await refused('42501', 'finance', 'dcx_wallet_hold', organisation, 1, 'not mine', '1 hour');
  });
}

// An array that is not made into a string would be taken for one of PostgreSQL's.
for (const [name, typed] of [['node-postgres', false], ['node-postgres', true], ['Prisma', false], ['Prisma', true]]) {
  test(`an order, ${name}, ${typed ? 'typed' : 'untyped'}`, async () => {
    const { money, state } = clients[name];
    const call = callsOf(clients[name], typed);
    const items = [
      { vm: { cpu_type: '1GHZ', cpus: 1, ram_gb: 1.5, storage_type: 'STANDARD', gb: 10 }, count: 2 },
      { product: 'BACKUP_GB', quantity: 0.1 + 0.2 }];
    const lines = await call('app', 'dcx_order_quote', JSON.stringify(items));
    assert.deepEqual(lines.map(({ line, item, code, amount }) => [line, item, code, money(amount).slice(0, 6)]),
      [[1, 1, 'CPU_1GHZ', '156.00'], [2, 1, 'RAM_GB', '111.00'], [3, 1, 'STORAGE_STANDARD', '36.00'],
        [4, 2, 'BACKUP_GB', money(lines[3].amount).slice(0, 6)]]);

    const order = ['org-globex', JSON.stringify(items), `${name} ${typed}`, '15 minutes', '303.44'];
    const [held] = await call('app', 'dcx_order_reserve', ...order);
    assert.deepEqual([money(held.cost), money(held.available), held.replayed], ['303.44', '72.55', false]);
    const total = new Prisma.Decimal(money(lines[0].total));
    assert.ok(lines.every((line) => money(line.total) === money(lines[0].total)) && total.minus('303.44').abs().lt('0.005'));
    const [refused] = await call('app', 'dcx_order_reserve', ...order.with(2, 'refused').with(4, '303.43'), true);
    assert.deepEqual([money(refused.cost), money(refused.available), refused.refused], ['303.44', '72.55', 'ZD009']);
    const again = JSON.stringify(items.map((item) => Object.fromEntries(Object.entries(item).reverse())), null, 2);
    assert.deepEqual(await call('app', 'dcx_order_reserve', ...order.with(1, again)), [{ ...held, replayed: true }]);
    await assert.rejects(call('app', 'dcx_order_reserve', ...order.with(1, '[{"product": "BACKUP_GB"}]')),
      (error) => state(error) === 'ZD004');
    await assert.rejects(call('app', 'dcx_order_quote', '[{"product": "BACKUP_GB", "quantity": "2"}]'),
      (error) => state(error) === '22023' && /item 1 of the order: "quantity" must be a number/.test(error.message));
    await call('app', 'dcx_wallet_release', 'org-globex', held.hold_id);
  });
}

// postgres.js makes JSON of what is sent as jsonb: there, it is a string that would be wrong.
const stringified = (items) => JSON.stringify(items);
const networks = {
  'node-postgres': { query: clients['node-postgres'].app, order: stringified, wrong: (items) => items, state: '22P02' },
  Prisma: { query: clients.Prisma.app, order: stringified, wrong: (items) => items, state: '22P02' },
  'postgres.js': {
    query: async (sql, values) => [...await postgresJs.unsafe(sql, values)],
    order: (items) => items,
    wrong: stringified,
    state: '22023',
  },
};

for (const [name, { query, order, wrong, state }] of Object.entries(networks)) {
  const cents = (value) => new Prisma.Decimal(value).toFixed(2);
  const sqlstate = clients[name]?.state ?? clients['node-postgres'].state;

  test(`network services, ${name}`, async () => {
    for (const [mbps, cost] of [[100, '3595.00'], ['100', '3595.00'], [100n, '3595.00'], [100.5, '3605.00'], ['100.5', '3605.00']]) {
      const [one] = await query('SELECT dcx_network_cost($1, $2) AS cost', ['PV_FIBRE_BUSINESS', mbps]);
      assert.equal(cents(one.cost), cost);
      const lines = await query('SELECT * FROM dcx_network_quote($1, $2)', ['PV_FIBRE_BUSINESS', mbps]);
      assert.deepEqual(lines.map(({ line, code }) => [line, code]), [[1, 'PV_FIBRE_BUSINESS'], [2, 'PV_FIBRE_BUSINESS']]);
      assert.equal(cents(Prisma.Decimal.sum(...lines.map(({ amount }) => amount))), cost);
      for (const [offered, values] of [[12, [mbps]], [12, [mbps, null]], [4, [mbps, 'Proteavale Fibre']]]) {
        const offers = await query(`SELECT * FROM dcx_network_offers(${values.map((_, i) => `$${i + 1}`)})`, values);
        assert.equal(offers.length, offered);
        assert.equal(cents(offers.find(({ service }) => service === 'PV_FIBRE_BUSINESS').cost), cost);
      }
    }
    const [{ book }] = await query(`SELECT dcx_price_book('enetworks') AS book`, []);
    book.PV_FIBRE_BUSINESS.bands[2].fixed_price = 1695;
    const [{ cost }] = await query('SELECT dcx_network_cost($1, $2, $3) AS cost', ['PV_FIBRE_BUSINESS', 100, book]);
    assert.equal(cents(cost), '3695.00');
    await assert.rejects(query('SELECT dcx_network_cost($1, $2)', ['PV_FIBRE_BUSINESS', 1000]),
      (error) => sqlstate(error) === 'ZD003');
  });

  test(`an order with a line, ${name}`, async () => {
    const items = [{ network: { service: 'PV_FIBRE_BUSINESS', mbps: 100 } }, { product: 'BACKUP_GB', quantity: 2 }];
    for (const [n, type] of ['', '::jsonb'].entries()) {
      const [{ sum }] = await query(`SELECT sum(amount) FROM dcx_order_quote($1${type})`, [order(items)]);
      assert.equal(cents(sum), '3597.90');
      const reserve = (...values) => query(`SELECT * FROM dcx_order_reserve($1, $2${type}, $3)`, values);
      const [held] = await reserve('org-hooli', order(items), `a line, ${name}, ${n}`);
      assert.deepEqual([cents(held.cost), held.replayed], ['3597.90', false]);
      assert.deepEqual(await reserve('org-hooli', order(items), `a line, ${name}, ${n}`), [{ ...held, replayed: true }]);
      await assert.rejects(reserve('org-hooli', wrong(items), `wrong, ${name}`), (error) => sqlstate(error) === state);
      await assert.rejects(query('SELECT * FROM dcx_wallet_release($1, $2)', ['org-acme', held.hold_id]),
        (error) => sqlstate(error) === 'ZD011');
      await query('SELECT * FROM dcx_wallet_release($1, $2)', ['org-hooli', held.hold_id]);
      await query('SELECT * FROM dcx_wallet_release($1)', [held.hold_id]);
    }
  });
}

test('an interactive transaction of Prisma that fails leaves nothing, and its key free', async () => {
  const reserve = (db) => db.$queryRaw`SELECT * FROM dcx_vm_reserve('org-tyrell', '1GHZ', ${2}, ${4}, 'STANDARD', ${40},
    ${'interactive'}, expires_in => ${'1 hour'}::interval, max_cost => ${'376'}::numeric)`;
  const holds = () => prisma.$queryRaw`SELECT * FROM dcx_wallet_holds('org-tyrell', NULL)`;

  await assert.rejects(prisma.$transaction(async (tx) => {
    const [{ available }] = await reserve(tx);
    assert.equal(available.toFixed(2), '2624.00');
    throw new Error('the order could not be placed');
  }), /could not be placed/);
  assert.deepEqual(await holds(), []);
  const [{ replayed, available }] = await prisma.$transaction(reserve);
  assert.deepEqual([replayed, available.toFixed(2), (await holds()).length], [false, '2624.00', 1]);
});

test('40001 reaches Prisma as itself', async () => {
  await assert.rejects(prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT dcx_wallet_balance('org-tyrell')`;
    await finance.query(`SELECT dcx_wallet_credit('org-tyrell', 1, 'meanwhile')`);
    await tx.$queryRaw`SELECT * FROM dcx_wallet_hold('org-tyrell', 1, 'late')`;
  }, { isolationLevel: 'RepeatableRead' }), (error) => clients.Prisma.state(error) === '40001');
});

test('the README: what it replaces', async () => {
  const { before, held } = await run(replaced, 'before, held', { aas, main });
  assert.equal(before, 376);
  assert.deepEqual([typeof held.hold_id, held.cost, held.available], ['string', '376.00', '248.00']);
  await main.query(`UPDATE "OrganisationWallet" SET balance = 1000 WHERE "organisationId" = 'org-acme'`);
});

test('the docs: a price', async () => {
  const vm = { cpu: '1GHZ', cpus: 2, ram: 4, storage: 'STANDARD', gb: 40 };
  const cost = await (await run(priceWithPrisma, 'priceWithPrisma', { prisma })).priceWithPrisma(vm);
  assert.equal(cost.toFixed(2), '376.00');
  assert.deepEqual(await run(price, 'cost', { main }), { cost: '376.00' });
});

// A pool whose clients run, in the place of the first statement that the pattern matches, what replace() makes of it.
function faulty(pattern, replace) {
  const pool = {
    connections: 0,
    connect: async () => {
      const client = await main.connect();
      pool.connections++;
      return {
        query: (sql, values) => {
          if (!replace || !pattern.test(sql)) return client.query(sql, values);
          const fault = replace;
          replace = null;
          return fault(client, sql, values);
        },
        release: () => client.release(),
      };
    },
  };
  return pool;
}

// Fails as the server does, so that only a ROLLBACK helps.
const failsWith = (state) => (client) =>
  client.query(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${state}'; END $$`);

test('the docs: an order', async () => {
  const vm = { cpu: '1GHZ', cpus: 1, ram: 1, storage: 'STANDARD', gb: 10 };
  const holdsOf = async (key) => (await main.query(
    `SELECT hold_id, state FROM dcx_wallet_holds('org-acme', NULL) WHERE idempotency_key = $1`, [key])).rows;
  const ordersOf = async (id) => (await main.query(`SELECT "holdId", cost FROM "VmOrder" WHERE id = $1`, [id])).rows;
  const placeWith = async (pool, ...order) =>
    (await run(orders.replace(/^const vm =.*/ms, ''), 'placeOrder', { main: pool, sqlstate, again })).placeOrder(...order);

  const { order } = await run(orders, 'order', { main, sqlstate, again });
  assert.equal(order.cost, '376.00');
  assert.deepEqual(await ordersOf('order-1044'), [{ holdId: order.hold_id, cost: '376.00' }]);
  assert.deepEqual(await run(orders, 'order', { main, sqlstate, again }), { order }, 'again');
  assert.equal((await ordersOf('order-1044')).length, 1);
  const said = [];
  const console = { log: (text) => said.push(text) };
  assert.deepEqual(await run(orders.replace('order-1044', 'order-1045'), 'order', { main, console, sqlstate, again }),
    { order: { hold_id: null, cost: '376.00', available: '0.00', refused: 'ZD001' } });
  assert.deepEqual(await run(orders.replace('order-1044', 'order-1046').replace('ram: 4', 'ram: 8'), 'order', { main, console, sqlstate, again }),
    { order: { hold_id: null, cost: '524.00', available: '0.00', refused: 'ZD009' } });
  assert.deepEqual(said,
    ['It costs 376.00, you have 0.00. Please top up.', 'It costs 524.00 by now. Do you still want it?']);
  assert.deepEqual([await holdsOf('order-1045'), await ordersOf('order-1045'), await ordersOf('order-1046')], [[], [], []]);

  await main.query(`UPDATE "OrganisationWallet" SET balance = 5000 WHERE "organisationId" = 'org-acme'`);
  for (const state of ['40001', '40P01', 'ZD008']) {
    const pool = faulty(/dcx_vm_reserve/, failsWith(state));
    const { hold_id } = await placeWith(pool, `after ${state}`, 'org-acme', vm, '376.00');
    assert.equal(pool.connections, 2);
    assert.deepEqual(await holdsOf(`after ${state}`), [{ hold_id, state: 'open' }]);
  }

  // AAS is lost at COMMIT, which then is a rollback.
  const undone = faulty(/COMMIT/, async (client) => {
    await client.query('ROLLBACK');
    throw Object.assign(new Error('a failure of the test'), { code: 'ZD008' });
  });
  const second = await placeWith(undone, 'undone', 'org-acme', vm, '376.00');
  assert.equal(undone.connections, 2);
  assert.deepEqual(await holdsOf('undone'), [{ hold_id: second.hold_id, state: 'open' }]);

  await assert.rejects(placeWith(faulty(/INSERT/, failsWith('23503')), 'refused', 'org-acme', vm, '376.00'),
    { code: '23503' });
  assert.deepEqual([await holdsOf('refused'), await ordersOf('refused')], [[], []]);

  const lost = faulty(/COMMIT/, async (client) => {
    await client.query('COMMIT');
    throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  });
  await assert.rejects(placeWith(lost, 'lost', 'org-acme', vm, '376.00'), { code: 'ECONNRESET' });
  const { hold_id } = await placeWith(lost, 'lost', 'org-acme', vm, '376.00');
  assert.deepEqual(await holdsOf('lost'), [{ hold_id, state: 'open' }]);
  assert.deepEqual((await ordersOf('lost')).map(({ holdId }) => holdId), [hold_id]);
  const { orderBuilt, orderFailed } = await run(finished, 'orderBuilt, orderFailed', { main });
  const { entry_id, balance } = await orderBuilt('org-acme', hold_id);
  assert.deepEqual([typeof entry_id, balance], ['string', '4867.00']);
  assert.deepEqual(await orderBuilt('org-acme', hold_id), { entry_id, balance }, 'again');
  await orderFailed('org-acme', second.hold_id);
  await orderFailed('org-acme', second.hold_id);
  assert.deepEqual([await holdsOf('lost'), await holdsOf('undone')].map(([{ state }]) => state), ['captured', 'released']);
  await assert.rejects(orderBuilt('org-globex', second.hold_id), { code: 'ZD011' });
  await assert.rejects(orderFailed('org-globex', second.hold_id), { code: 'ZD011' });
  assert.deepEqual((await finance.query('SELECT * FROM dcx_wallet_audit()')).rows, []);
});

test('the docs: an order with Prisma', async () => {
  const { placeOrderWithPrisma } = await run(withPrisma, 'placeOrderWithPrisma', { prisma, again });
  const vm = { cpu: '1GHZ', cpus: 1, ram: 1.5, storage: 'STANDARD', gb: 10 };
  const held = await placeOrderWithPrisma('order-1047', 'org-umbrella', vm, '151.50');
  assert.equal(held.cost.toFixed(2), '151.50');
  assert.deepEqual(await placeOrderWithPrisma('order-1047', 'org-umbrella', vm, '151.50'), held, 'again');
  assert.deepEqual((await main.query(`SELECT "holdId", cost FROM "VmOrder" WHERE id = 'order-1047'`)).rows,
    [{ holdId: String(held.hold_id), cost: '151.50' }]);
  await assert.rejects(placeOrderWithPrisma('order-1048', 'org-umbrella', vm, '151.49'),
    (error) => clients.Prisma.state(error) === 'ZD009');
});

// Errors at COMMIT: a deferred trigger on "CommitTest" raises the state of the row, or ends the connection.
const atCommit = {
  'node-postgres': async (state) => {
    const client = await main.connect();
    client.on('error', () => {});
    try {
      await client.query('BEGIN');
      await client.query('INSERT INTO "CommitTest" VALUES ($1)', [state]);
      await client.query('COMMIT');
    } finally {
      client.release(true);
    }
  },
  'postgres.js': (state) => postgresJs.begin((tx) => tx`INSERT INTO "CommitTest" VALUES (${state})`),
  Prisma: (state) => prisma.$transaction((tx) => tx.$executeRaw`INSERT INTO "CommitTest" VALUES (${state})`),
  'Prisma, a list': (state) => prisma.$transaction([prisma.$executeRaw`INSERT INTO "CommitTest" VALUES (${state})`]),
  'Prisma, no transaction': (state) => prisma.$executeRaw`INSERT INTO "CommitTest" VALUES (${state})`,
};
const states = ['ZD001', 'ZD008', 'ZD011', '08006', '40001', '40P01', '23505', '22003', '27000', '57014', '42501', 'P0001', 'XX000'];

for (const [name, commit] of Object.entries(atCommit)) {
  test(`SQLSTATEs at COMMIT, ${name}`, async () => {
    for (const state of states) {
      await assert.rejects(commit(state), (error) => (assert.equal(sqlstate(error), state), true));
    }
  });
}

test('SQLSTATEs of queries', async () => {
  const raise = (state) => `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${state}'; END $$`;
  for (const state of states) {
    for (const query of [(sql) => main.query(sql), (sql) => postgresJs.unsafe(sql), (sql) => prisma.$queryRawUnsafe(sql)]) {
      await assert.rejects(query(raise(state)), (error) => (assert.equal(sqlstate(error), state), true));
    }
  }
});

// What cannot be had here: Prisma 5 and 6 with their own engine, which npm does not have. The errors have these shapes.
test('SQLSTATEs of other Prismas, and errors without one', () => {
  const known = (code, meta) => Object.assign(new Error('Invalid `prisma.$queryRaw()` invocation'), { code, meta });
  assert.equal(sqlstate(known('P2010', { code: 'ZD001', message: 'ERROR: organisation "a" has insufficient funds' })), 'ZD001');
  assert.equal(sqlstate(known('P2010', { code: '40001', message: 'ERROR: could not serialize access' })), '40001');
  assert.equal(sqlstate(known('P2034', { modelName: 'OrganisationWallet' })), '40001');
  assert.equal(sqlstate(new Error(`Error occurred during query execution:
ConnectorError(ConnectorError { user_facing_error: None, kind: QueryError(PostgresError { code: "ZD008", message: "lost",
severity: "ERROR", detail: None, column: None, hint: None }), transient: false })`)), 'ZD008');
  for (const none of [known('P2010', { code: 'N/A', message: 'N/A' }), known('P2025'), known('P2028', {}), known('P1001'),
    new Error('Connection terminated unexpectedly'), new Error('x', { cause: new Error('y') }), {}, null, undefined, 'ZD001',
    ...['ECONNRESET', 'EPIPE', 'CONNECTION_CLOSED', 5, null].map((code) => Object.assign(new Error(), { code }))]) {
    assert.equal(sqlstate(none), undefined);
    assert.equal(again(none, 1), false);
  }
});

test('a bare row is not for Prisma', async () => {
  await assert.rejects(prisma.$queryRaw`SELECT dcx_vm_quote('1GHZ', ${2}, ${4}, 'STANDARD', ${40})`,
    /Failed to deserialize column of type 'record'/);
});

test('the docs: Prisma tries again what failed at COMMIT', async () => {
  const vm = { cpu: '1GHZ', cpus: 1, ram: 1.5, storage: 'STANDARD', gb: 10 };
  for (const [state, times] of [['40001', 2], ['ZD008', 2], ['08006', 2], ['23505', 1]]) {
    let tries = 0;
    const failing = {
      $transaction: (work) => prisma.$transaction(async (tx) => {
        const result = await work(tx);
        if (++tries === 1) await tx.$executeRaw`INSERT INTO "CommitTest" VALUES (${state})`;
        return result;
      }),
    };
    const { placeOrderWithPrisma } = await run(withPrisma, 'placeOrderWithPrisma', { prisma: failing, again });
    const placed = placeOrderWithPrisma(`commit ${state}`, 'org-umbrella', vm, '151.50');
    if (times === 1) await assert.rejects(placed, (error) => sqlstate(error) === state);
    else assert.equal((await placed).cost.toFixed(2), '151.50');
    assert.equal(tries, times);
  }
});

test('two serializable transactions: 40001 of the server itself at COMMIT', async () => {
  const both = await Promise.allSettled([1, 2].map((n) => prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT count(*) FROM "VmOrder"`;
    await barrier(2);
    await tx.$executeRaw`INSERT INTO "VmOrder" VALUES (${`skew ${n}`}, 'org-acme', ${n}, 1)`;
  }, { isolationLevel: 'Serializable' })));
  const failed = both.filter(({ status }) => status === 'rejected');
  assert.equal(failed.length, 1);
  assert.equal(sqlstate(failed[0].reason), '40001');
});

// Resolves once it was called so many times.
const waiting = [];
function barrier(n) {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === n) waiting.splice(0).forEach((go) => go());
  });
}

// Last, since a pool may give the ended connection to the next call.
for (const [name, commit] of Object.entries(atCommit)) {
  test(`the connection ends at COMMIT, ${name}`, async () => {
    await assert.rejects(commit('end'), (error) => (assert.ok(['57P01', undefined].includes(sqlstate(error))), true));
  });
}
