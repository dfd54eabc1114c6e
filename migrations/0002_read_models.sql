-- The read models: derived from the log, filled by the projector alone, thrown away at will.

CREATE SCHEMA readmodels;
-- Where a rebuild and audits build the same tables again; empty at other times.
CREATE SCHEMA readmodels_next;
CREATE SCHEMA readmodels_audit;
CREATE SCHEMA readmodels_watch;

-- How far the projector has read; committed together with the rows of every view. Always one row,
-- and its lock is what a batch and the swap of a rebuild take turns by. A swap raises the generation.
CREATE TABLE readmodels.projection (
    position bigint NOT NULL,
    recorded_at timestamptz,
    generation bigint NOT NULL
);
INSERT INTO readmodels.projection VALUES (0, NULL, 1);

-- What the program's last audit of itself found wrong in the log, by position; `stream` is null where it
-- is not known whose it was. Nothing is stated over it.
CREATE TABLE readmodels.log_damage (
    position bigint NOT NULL,
    through bigint NOT NULL,
    stream text,
    detail text NOT NULL
);
CREATE INDEX log_damage_position ON readmodels.log_damage (position);

-- The last audit; one row, once there was one.
CREATE TABLE readmodels.self_audit (
    ended_at timestamptz NOT NULL,
    position bigint NOT NULL,
    log_findings integer NOT NULL,
    view_differences integer NOT NULL,
    rebuilt integer NOT NULL,
    user_findings integer NOT NULL
);

-- Accounts with their terms and current balance, in minor units.
CREATE TABLE readmodels.accounts (
    account_id bigint NOT NULL,
    account_type text NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    restriction text NOT NULL,
    overdraft_limit bigint NOT NULL,
    reference text,
    opened_on date NOT NULL,
    balance bigint NOT NULL,
    version bigint NOT NULL,
    -- Of the event that opened the account, and of its newest.
    opened_position bigint NOT NULL,
    position bigint NOT NULL,
    -- The latest booking date so far: a line before it is a late entry.
    booked_through date,
    -- By how many days the latest of its late entries was late.
    lateness_max integer NOT NULL,
    -- The most days there are between the booking date and the value date of a line of it.
    drift_max integer NOT NULL
);
CREATE UNIQUE INDEX accounts_id ON readmodels.accounts (account_id);
CREATE UNIQUE INDEX accounts_reference ON readmodels.accounts (reference);
-- Balances change with every event; room on the page keeps those updates off the indexes.
ALTER TABLE readmodels.accounts SET (fillfactor = 50);

CREATE TABLE readmodels.account_holders (
    user_id bigint NOT NULL,
    account_id bigint NOT NULL,
    holder_right text NOT NULL
);
CREATE UNIQUE INDEX account_holders_user ON readmodels.account_holders (user_id, account_id);
CREATE INDEX account_holders_account ON readmodels.account_holders (account_id);

-- What was agreed about an account, from each change on: one row a change.
CREATE TABLE readmodels.account_terms (
    account_id bigint NOT NULL,
    position bigint NOT NULL,
    booking_date date NOT NULL,
    status text NOT NULL,
    restriction text NOT NULL,
    overdraft_limit bigint NOT NULL
);
CREATE UNIQUE INDEX account_terms_account ON readmodels.account_terms (account_id, position);

-- One row a posting. Lines of customer accounts carry the balance after them in the log's order,
-- seen by the holder, and the latest booking date up to them. A line booked before that date is late;
-- among the others of an account, booking dates and positions grow together.
CREATE TABLE readmodels.journal_lines (
    position bigint NOT NULL,
    line smallint NOT NULL,
    transaction_id bigint NOT NULL,
    ledger_account smallint NOT NULL,
    account_id bigint,
    currency text NOT NULL,
    debit bigint NOT NULL,
    credit bigint NOT NULL,
    balance bigint,
    booking_date date NOT NULL,
    value_date date NOT NULL,
    booked_through date,
    late boolean NOT NULL,
    -- The sub-account within a control account of loans.
    loan_id bigint
);
CREATE UNIQUE INDEX journal_lines_position ON readmodels.journal_lines (position, line);
CREATE INDEX journal_lines_ledger_account ON readmodels.journal_lines (ledger_account, position);
-- The lines of an account lie apart, one on a page. So what a balance, a page of history and a statement
-- read of them stands in these indexes, too, where they lie together in the order they are read.
CREATE INDEX journal_lines_account ON readmodels.journal_lines (account_id, position)
    INCLUDE (transaction_id, balance, booked_through) WHERE account_id IS NOT NULL;
CREATE INDEX journal_lines_account_booked ON readmodels.journal_lines
    (account_id, booking_date, position)
    INCLUDE (transaction_id, debit, credit, balance, value_date)
    WHERE account_id IS NOT NULL AND NOT late;
CREATE INDEX journal_lines_account_late ON readmodels.journal_lines
    (account_id, booking_date, position) INCLUDE (transaction_id, debit, credit, balance, value_date)
    WHERE account_id IS NOT NULL AND late;

CREATE INDEX journal_lines_account_valued ON readmodels.journal_lines
    (account_id, value_date, position) INCLUDE (booking_date, debit, credit)
    WHERE account_id IS NOT NULL AND value_date <> booking_date;
CREATE INDEX journal_lines_loan ON readmodels.journal_lines (loan_id, position)
    WHERE loan_id IS NOT NULL;
CREATE INDEX journal_lines_booked ON readmodels.journal_lines
    USING brin (booking_date) WITH (autosummarize = on);

-- Funds reserved, from when they were; amounts are minor units. A hold ends once, when it is released
-- or settled for the last time: then `ended_on` is that booking date. One that only ran out of time
-- has no end here but `expires_at`, since it is posted as expired at some later time.
CREATE TABLE readmodels.holds (
    hold_id bigint NOT NULL,
    account_id bigint NOT NULL,
    amount bigint NOT NULL,
    counterparty text,
    description text,
    expires_at timestamptz,
    position bigint NOT NULL,
    booking_date date NOT NULL,
    recorded_at timestamptz NOT NULL,
    ended_position bigint,
    ended_on date,
    outcome text
);
CREATE UNIQUE INDEX holds_id ON readmodels.holds (hold_id);
CREATE INDEX holds_account ON readmodels.holds (account_id, position);
CREATE INDEX holds_open ON readmodels.holds (account_id) WHERE outcome IS NULL;

-- What was settled of a hold, by and by.
CREATE TABLE readmodels.hold_settlements (
    hold_id bigint NOT NULL,
    position bigint NOT NULL,
    booking_date date NOT NULL,
    amount bigint NOT NULL
);
CREATE UNIQUE INDEX hold_settlements_hold ON readmodels.hold_settlements (hold_id, position);

-- Loans with their terms and figures as they are now, in minor units. `due_dates` are those of the
-- schedule; what was agreed before is in the log.
CREATE TABLE readmodels.loans (
    loan_id bigint NOT NULL,
    borrower bigint NOT NULL,
    product text NOT NULL,
    status text NOT NULL,
    currency text NOT NULL,
    amount bigint NOT NULL,
    instalments integer NOT NULL,
    annual_rate numeric NOT NULL,
    applied_on date NOT NULL,
    approved_until date,
    disbursed bigint NOT NULL,
    disbursed_on date,
    account_id bigint,
    forborne boolean NOT NULL,
    due_dates date[] NOT NULL,
    principal bigint NOT NULL,
    interest bigint NOT NULL,
    suspended bigint NOT NULL,
    fees bigint NOT NULL,
    penalties bigint NOT NULL,
    overpaid bigint NOT NULL,
    off_balance bigint NOT NULL,
    past_due_since date,
    non_accrual boolean NOT NULL,
    accrued_through date NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL
);
CREATE UNIQUE INDEX loans_id ON readmodels.loans (loan_id);
CREATE INDEX loans_borrower ON readmodels.loans (borrower, loan_id);
-- Figures change each night; room on the page keeps those updates off the indexes.
ALTER TABLE readmodels.loans SET (fillfactor = 50);

-- How a loan stood from each change on that touched its principal, what is late of it, or what was set
-- aside for its loss: what a report of the portfolio reads, as of any day and as known at any position. Status and what was disbursed
-- stand where the terms changed.
CREATE TABLE readmodels.loan_standings (
    loan_id bigint NOT NULL,
    position bigint NOT NULL,
    booking_date date NOT NULL,
    status text,
    disbursed bigint,
    principal bigint NOT NULL,
    off_balance bigint NOT NULL,
    past_due_since date,
    non_accrual boolean NOT NULL,
    allowance bigint NOT NULL
);
CREATE UNIQUE INDEX loan_standings_loan ON readmodels.loan_standings (loan_id, position);

-- Days that do not count as past due, both included.
CREATE TABLE readmodels.loan_pauses (
    loan_id bigint NOT NULL,
    position bigint NOT NULL,
    booking_date date NOT NULL,
    first date NOT NULL,
    last date NOT NULL
);
CREATE UNIQUE INDEX loan_pauses_loan ON readmodels.loan_pauses (loan_id, position);

-- One row a transaction. Amounts are minor units.
CREATE TABLE readmodels.transactions (
    transaction_id bigint NOT NULL,
    -- Of its first event that moved money; from there on it is known.
    position bigint NOT NULL,
    kind text NOT NULL,
    source_account_id bigint,
    destination_account_id bigint,
    amount bigint NOT NULL,
    currency text NOT NULL,
    recorded_at timestamptz NOT NULL,
    booking_date date NOT NULL,
    value_date date NOT NULL,
    category text,
    tags text[] NOT NULL,
    description text,
    reason text,
    counterparty text,
    actor text NOT NULL,
    -- What its originator named it by: the idempotency key, where one was given.
    reference text,
    reverses bigint,
    reversed_by bigint,
    reversed_amount bigint,
    -- From this position on, its category and tags are those of its labels.
    labelled_from bigint
);
CREATE UNIQUE INDEX transactions_id ON readmodels.transactions (transaction_id);
CREATE INDEX transactions_booked ON readmodels.transactions
    USING brin (booking_date) WITH (autosummarize = on);

-- Category and tags that a transaction was given later; both, as they are from the position on.
CREATE TABLE readmodels.transaction_labels (
    transaction_id bigint NOT NULL,
    position bigint NOT NULL,
    category text,
    tags text[] NOT NULL
);
CREATE UNIQUE INDEX transaction_labels_transaction ON readmodels.transaction_labels
    (transaction_id, position);

-- Debits and credits of each ledger account by booking date and kind, within runs of 1,024 positions;
-- sixteen runs of one level are one of the next, which is added once they are over. A run that is over
-- does not change, so each row of the levels above the lowest says what was booked up to its date, too,
-- and `newest` marks the last date of an account and kind in a run. So a trial balance as known at any
-- position reads one row of each account and kind in at most fifteen runs a level, however many days
-- these hold, and fifteen runs of the lowest level and an unfinished one.
CREATE TABLE readmodels.ledger_totals (
    level smallint NOT NULL,
    run bigint NOT NULL,
    ledger_account smallint NOT NULL,
    currency text NOT NULL,
    booking_date date NOT NULL,
    kind text NOT NULL,
    debits bigint NOT NULL,
    credits bigint NOT NULL,
    debits_through bigint,
    credits_through bigint,
    newest boolean NOT NULL
);
CREATE UNIQUE INDEX ledger_totals_run ON readmodels.ledger_totals
    (level, run, ledger_account, currency, kind, booking_date);
CREATE INDEX ledger_totals_newest ON readmodels.ledger_totals (level, run) WHERE newest;

-- The interest of each account, as its newest event says (domain/accrued_interest.py): units are whole
-- numbers of many digits, the rest minor units.
CREATE TABLE readmodels.interest (
    account_id bigint NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    through date NOT NULL,
    known_at bigint NOT NULL,
    balance bigint NOT NULL,
    credit numeric NOT NULL,
    debit numeric NOT NULL,
    credit_posted bigint NOT NULL,
    debit_posted bigint NOT NULL,
    credit_settled bigint NOT NULL,
    debit_settled bigint NOT NULL,
    since date
);
CREATE UNIQUE INDEX interest_account ON readmodels.interest (account_id);
CREATE INDEX interest_open ON readmodels.interest (account_id) WHERE since IS NOT NULL;
ALTER TABLE readmodels.interest SET (fillfactor = 50);

-- The rate plans, from each change on: one row a change, with the whole plan after it as JSON.
CREATE TABLE readmodels.rate_plans (
    account_type text NOT NULL,
    currency text NOT NULL,
    position bigint NOT NULL,
    rates text NOT NULL
);
CREATE UNIQUE INDEX rate_plans_of ON readmodels.rate_plans (account_type, currency, position);

-- Billers, bills, their payments and rules of autopay: one row an event of theirs, which holds how they
-- stand after it. How one stood at a moment is its newest row that was known and booked by then.
CREATE TABLE readmodels.billers (
    biller_id bigint NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    booking_date date NOT NULL,
    name text NOT NULL,
    active boolean NOT NULL,
    terms text NOT NULL
);
CREATE UNIQUE INDEX billers_version ON readmodels.billers (biller_id, version);

CREATE TABLE readmodels.bills (
    bill_id bigint NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    booking_date date NOT NULL,
    recorded_at timestamptz NOT NULL,
    user_id bigint NOT NULL,
    biller_id bigint NOT NULL,
    due_date date NOT NULL,
    status text NOT NULL,
    open_amount bigint NOT NULL,
    standing text NOT NULL
);
CREATE UNIQUE INDEX bills_version ON readmodels.bills (bill_id, version);
CREATE INDEX bills_user ON readmodels.bills (user_id, bill_id) WHERE version = 1;

CREATE TABLE readmodels.bill_payments (
    payment_id bigint NOT NULL,
    first boolean NOT NULL,
    -- Of which it was then: it may go over to another.
    bill_id bigint NOT NULL,
    position bigint NOT NULL,
    booking_date date NOT NULL,
    recorded_at timestamptz NOT NULL,
    user_id bigint NOT NULL,
    biller_id bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    payment text NOT NULL
);
CREATE UNIQUE INDEX bill_payments_position ON readmodels.bill_payments (payment_id, position);
CREATE INDEX bill_payments_user ON readmodels.bill_payments (user_id, payment_id) WHERE first;
CREATE INDEX bill_payments_first ON readmodels.bill_payments (payment_id) WHERE first;

CREATE TABLE readmodels.registrations (
    registration_id bigint NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    booking_date date NOT NULL,
    user_id bigint NOT NULL,
    link text NOT NULL
);
CREATE UNIQUE INDEX registrations_version ON readmodels.registrations (registration_id, version);
CREATE INDEX registrations_user ON readmodels.registrations (user_id, registration_id)
 WHERE version = 1;

CREATE TABLE readmodels.autopay_rules (
    autopay_id bigint NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    booking_date date NOT NULL,
    user_id bigint NOT NULL,
    status text NOT NULL,
    rule text NOT NULL
);
CREATE UNIQUE INDEX autopay_rules_version ON readmodels.autopay_rules (autopay_id, version);
CREATE INDEX autopay_rules_user ON readmodels.autopay_rules (user_id, autopay_id) WHERE version = 1;

-- What there is to do about a bill, one row each, as it stands now: `payable` may still be paid,
-- `late_fee_due` says that it is open and has had no late fee, and `settles_on` is the first day on
-- which a payment of it is due to its biller. `unclaimed` was given back and waits for the customer.
CREATE TABLE readmodels.bill_dues (
    bill_id bigint NOT NULL,
    biller_id bigint NOT NULL,
    user_id bigint NOT NULL,
    due_date date NOT NULL,
    payable bigint NOT NULL,
    late_fee_due boolean NOT NULL,
    settles_on date,
    unclaimed bigint NOT NULL
);
CREATE UNIQUE INDEX bill_dues_bill ON readmodels.bill_dues (bill_id);
CREATE INDEX bill_dues_payable ON readmodels.bill_dues (user_id, due_date) WHERE payable > 0;
CREATE INDEX bill_dues_late ON readmodels.bill_dues (due_date) WHERE late_fee_due;
CREATE INDEX bill_dues_settlement ON readmodels.bill_dues (settles_on) WHERE settles_on IS NOT NULL;


-- Differences with gateways; amounts are minor units. `receivable` is what the gateway owes back.
CREATE TABLE readmodels.work_items (
    work_item_id bigint NOT NULL,
    kind text NOT NULL,
    gateway text NOT NULL,
    settlement_date date NOT NULL,
    key text NOT NULL,
    payment_id bigint,
    ours bigint,
    theirs bigint,
    receivable bigint NOT NULL,
    currency text NOT NULL,
    detail text NOT NULL,
    position bigint NOT NULL,
    opened_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    resolved_position bigint,
    resolved_on date,
    resolution text,
    reason text,
    resolved_by text
);
CREATE UNIQUE INDEX work_items_id ON readmodels.work_items (work_item_id);
CREATE INDEX work_items_payment ON readmodels.work_items (payment_id) WHERE resolution IS NULL;

-- Settlement files that were compared, with what came of it.
CREATE TABLE readmodels.reconciliations (
    reconciliation_id bigint NOT NULL,
    gateway text NOT NULL,
    settlement_date date NOT NULL,
    sha256 text NOT NULL,
    lines integer NOT NULL,
    matched integer NOT NULL,
    settled integer NOT NULL,
    missing_here integer NOT NULL,
    missing_there integer NOT NULL,
    different integer NOT NULL,
    duplicate integer NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    made_by text NOT NULL
);
CREATE UNIQUE INDEX reconciliations_id ON readmodels.reconciliations (reconciliation_id);
-- Standing orders as their newest event says, with all of it as JSON; and what became of due dates.
CREATE TABLE readmodels.standing_orders (
    order_id bigint NOT NULL,
    account_id bigint NOT NULL,
    to_account bigint,
    status text NOT NULL,
    attempt_on date NOT NULL,
    position bigint NOT NULL,
    terms text NOT NULL
);
CREATE UNIQUE INDEX standing_orders_id ON readmodels.standing_orders (order_id);
CREATE INDEX standing_orders_account ON readmodels.standing_orders (account_id);
CREATE INDEX standing_orders_to ON readmodels.standing_orders (to_account)
    WHERE to_account IS NOT NULL;
CREATE INDEX standing_orders_due ON readmodels.standing_orders (attempt_on)
    WHERE status = 'active';

CREATE TABLE readmodels.standing_order_outcomes (
    order_id bigint NOT NULL,
    position bigint NOT NULL,
    due date NOT NULL,
    booking_date date NOT NULL,
    outcome text NOT NULL,
    why text,
    transaction_id bigint,
    recorded_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX standing_order_outcomes_order ON readmodels.standing_order_outcomes
    (order_id, position);

-- The audit trail: looks by staff, calls and commands that were refused, sign-ins and their ends.
-- `address` is ciphertext, `detail` JSON. `subjects` and `shown`, what it was about and what a list named,
-- are as in `account-5`.
CREATE TABLE readmodels.accesses (
    position bigint NOT NULL,
    version bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_on date NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    call text NOT NULL,
    outcome text NOT NULL,
    session text,
    request_id text,
    origin text,
    address text,
    subjects text[] NOT NULL,
    detail text NOT NULL,
    shown text[] NOT NULL
);
CREATE UNIQUE INDEX accesses_position ON readmodels.accesses (position);
CREATE INDEX accesses_actor ON readmodels.accesses (actor, position);
-- A list names hundreds: a row for each would be many times as large.
CREATE INDEX accesses_to ON readmodels.accesses USING gin (subjects, shown);

-- The transactions and statements that were asked for by number: of those, few are ever, and whose they
-- are is asked of other views.
CREATE TABLE readmodels.access_subjects (
    subject text NOT NULL,
    number bigint NOT NULL,
    position bigint NOT NULL
);
CREATE INDEX access_subjects_of ON readmodels.access_subjects (subject, number, position);
