"""Tables of the data store."""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None


def upgrade() -> None:
    """Bring the tables to revision 0001."""
    op.create_table('api_key',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('label', sa.String(length=80), nullable=False),
    sa.Column('number', sa.Integer(), nullable=True),
    sa.Column('scopes', sa.Text(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    comment='the secret is kept as SHA-256 only: it has 256 random bits, so a slow hash would add nothing'
    )
    op.create_table('consent',
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('entry', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=96), nullable=False),
    sa.Column('state', sa.String(length=24), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.String(length=80), nullable=False),
    sa.Column('lang', sa.String(length=16), nullable=False),
    sa.Column('how', sa.String(length=80), nullable=False),
    sa.Column('situation', sa.String(length=64), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('subject', 'entry'),
    comment='each statement about a purpose, by the ledger entry that holds what was told; erased with the person'
    )
    op.create_table('consent_confirmation',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=96), nullable=False),
    sa.Column('lang', sa.String(length=16), nullable=False),
    sa.Column('asked_at', sa.BigInteger(), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('entry', sa.LargeBinary(length=16), nullable=False),
    sa.PrimaryKeyConstraint('digest'),
    comment='a mail that asks to confirm a consent: waiting, sending, sent, spared, bounced, unaddressed; no address, no word of the link'
    )
    op.create_index(op.f('ix_consent_confirmation_state'), 'consent_confirmation', ['state'], unique=False)
    op.create_index(op.f('ix_consent_confirmation_subject'), 'consent_confirmation', ['subject'], unique=False)
    op.create_table('cookie_choice',
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('entry', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('print', sa.String(length=16), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.String(length=80), nullable=False),
    sa.Column('surface', sa.String(length=16), nullable=False),
    sa.Column('signal', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('subject', 'entry', 'purpose'),
    comment='each statement of a browser about a purpose; no address and no browser string; erased with the visitor'
    )
    op.create_table('cookie_receipt',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('entry', sa.LargeBinary(length=16), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.PrimaryKeyConstraint('digest'),
    comment='hash of a receipt number to the ledger entry it is about'
    )
    op.create_index(op.f('ix_cookie_receipt_subject'), 'cookie_receipt', ['subject'], unique=False)
    op.create_table('cookie_report',
    sa.Column('host', sa.String(length=253), nullable=False),
    sa.Column('first', sa.BigInteger(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.Column('times', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('host'),
    comment="hosts that no tag declares and that browsers said a page's header stopped; neither who nor where"
    )
    op.create_table('cookie_signal',
    sa.Column('hour', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('purpose', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('hour', 'purpose'),
    comment='hours in which a browser without an id sent GPC; nobody can be told apart'
    )
    op.create_table('erasure',
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('classes', sa.Text(), nullable=False),
    sa.Column('total', sa.Boolean(), nullable=False),
    sa.Column('step', sa.String(length=12), nullable=False),
    sa.Column('reason', sa.String(length=64), nullable=False),
    sa.Column('words', sa.Text(), nullable=False),
    sa.Column('tags', sa.Text(), nullable=False),
    sa.Column('begun_at', sa.BigInteger(), nullable=False),
    sa.Column('journal_seq', sa.Integer(), nullable=True),
    sa.Column('live_erased_at', sa.BigInteger(), nullable=True),
    sa.Column('backups_unreadable_at', sa.BigInteger(), nullable=True),
    sa.Column('counts', sa.Text(), nullable=False),
    sa.Column('awaits', sa.LargeBinary(length=16), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    comment='awaits: the change of the root after which no backup opens what was erased'
    )
    op.create_index(op.f('ix_erasure_awaits'), 'erasure', ['awaits'], unique=False)
    op.create_index(op.f('ix_erasure_step'), 'erasure', ['step'], unique=False)
    op.create_index(op.f('ix_erasure_subject'), 'erasure', ['subject'], unique=False)
    op.create_table('import_batch',
    sa.Column('file', sa.LargeBinary(length=32), nullable=False),
    sa.Column('situation', sa.String(length=64), nullable=False),
    sa.Column('first', sa.Integer(), nullable=False),
    sa.Column('stored', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('file', 'situation', 'first'),
    comment='which rows of a file (by SHA-256) are stored: one bit a row from row `first` on, lowest bit first'
    )
    op.create_table('import_source',
    sa.Column('entry', sa.LargeBinary(length=16), nullable=False),
    sa.Column('situation', sa.String(length=64), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('entry'),
    comment='sources confirmed for a situation; who they are stands in the sealed body of the ledger entry'
    )
    op.create_table('inform_task',
    sa.Column('record', sa.LargeBinary(length=16), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('regime', sa.String(length=16), nullable=False),
    sa.Column('due', sa.Date(), nullable=False),
    sa.PrimaryKeyConstraint('record'),
    comment='people whose data came from somebody else and who must be told, each until its last day'
    )
    op.create_index(op.f('ix_inform_task_due'), 'inform_task', ['due'], unique=False)
    op.create_index(op.f('ix_inform_task_subject'), 'inform_task', ['subject'], unique=False)
    op.create_table('interest_assessment',
    sa.Column('entry', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=64), nullable=False),
    sa.Column('interest', sa.String(length=64), nullable=False),
    sa.Column('reference', sa.String(length=200), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('actor', sa.String(length=80), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('entry')
    )
    op.create_index(op.f('ix_interest_assessment_purpose'), 'interest_assessment', ['purpose'], unique=False)
    op.create_table('ledger_body',
    sa.Column('entry', sa.LargeBinary(length=16), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=True),
    sa.Column('class', sa.String(length=64), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('entry')
    )
    op.create_index(op.f('ix_ledger_body_subject'), 'ledger_body', ['subject'], unique=False)
    op.create_table('ledger_bundle',
    sa.Column('number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('lowest', sa.LargeBinary(length=16), nullable=False),
    sa.Column('highest', sa.LargeBinary(length=16), nullable=False),
    sa.Column('leaves', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('number'),
    comment='256 leaves each, from position 256 x number on, in the form of C2SP entry bundles; the last one grows'
    )
    op.create_index(op.f('ix_ledger_bundle_highest'), 'ledger_bundle', ['highest'], unique=False)
    op.create_table('ledger_checkpoint',
    sa.Column('origin', sa.String(length=200), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('root', sa.LargeBinary(length=32), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('signed_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('origin', 'size')
    )
    op.create_table('ledger_cosignature',
    sa.Column('origin', sa.String(length=200), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('witness', sa.String(length=200), nullable=False),
    sa.Column('vkey', sa.Text(), nullable=False),
    sa.Column('line', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('origin', 'size', 'witness'),
    comment='what witnesses wrote under a checkpoint'
    )
    op.create_table('ledger_head',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('origin', sa.String(length=200), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('root', sa.LargeBinary(length=32), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('ledger_pending',
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('leaf', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    comment='entries without a position, each as its leaf; the integrator moves them into bundles'
    )
    op.create_table('ledger_tile',
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('hashes', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('level', 'number')
    )
    op.create_table('legal_hold',
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('named', sa.String(length=80), nullable=False),
    sa.Column('purpose', sa.String(length=64), nullable=False),
    sa.Column('until', sa.Date(), nullable=False),
    sa.Column('placed_by', sa.String(length=32), nullable=False),
    sa.Column('approved_by', sa.String(length=32), nullable=False),
    sa.Column('placed_at', sa.BigInteger(), nullable=False),
    sa.Column('released_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', 'subject'),
    comment='legal holds, a row for each number of the person; the reason stands in the ledger entry alone'
    )
    op.create_index(op.f('ix_legal_hold_subject'), 'legal_hold', ['subject'], unique=False)
    op.create_table('legal_obligation',
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=64), nullable=False),
    sa.Column('statute', sa.String(length=80), nullable=False),
    sa.Column('entry', sa.LargeBinary(length=16), nullable=False),
    sa.PrimaryKeyConstraint('subject', 'purpose')
    )
    op.create_table('mailing',
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=64), nullable=False),
    sa.Column('texts', sa.Text(), nullable=False),
    sa.Column('staff', sa.Integer(), nullable=False),
    sa.Column('planned_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    comment="a text for everybody who may be met for a purpose; the text is the company's own and names nobody"
    )
    op.create_table('mailing_letter',
    sa.Column('mailing', sa.LargeBinary(length=16), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('mailing', 'subject'),
    comment='waiting, sending, sent, refused (by which gate), bounced'
    )
    op.create_index(op.f('ix_mailing_letter_subject'), 'mailing_letter', ['subject'], unique=False)
    op.create_table('merge',
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('one', sa.LargeBinary(length=16), nullable=False),
    sa.Column('other', sa.LargeBinary(length=16), nullable=False),
    sa.Column('reason', sa.String(length=32), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('proposed_by', sa.String(length=32), nullable=False),
    sa.Column('proposed_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    comment='proposals that two subjects are one person, until a second person decides'
    )
    op.create_index(op.f('ix_merge_one'), 'merge', ['one'], unique=False)
    op.create_index(op.f('ix_merge_other'), 'merge', ['other'], unique=False)
    op.create_table('notice_used',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('digest'),
    comment='receipts that were used, as hashes, until they would have ended by themselves'
    )
    op.create_index(op.f('ix_notice_used_until'), 'notice_used', ['until'], unique=False)
    op.create_table('once',
    sa.Column('key', sa.LargeBinary(length=32), nullable=False),
    sa.Column('body', sa.LargeBinary(length=32), nullable=False),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('key'),
    comment='answers to acts by idempotency key; keys and bodies as keyed hashes, for a day'
    )
    op.create_index(op.f('ix_once_until'), 'once', ['until'], unique=False)
    op.create_table('policy_document',
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('hash')
    )
    op.create_table('policy_text',
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('version', sa.String(length=80), nullable=False),
    sa.Column('evidence_hash', sa.String(length=64), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('documents', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('number'),
    comment='the sections of a version with the evidence of its day; the newest row of a version counts'
    )
    op.create_index(op.f('ix_policy_text_version'), 'policy_text', ['version'], unique=False)
    op.create_table('policy_version',
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('version', sa.String(length=80), nullable=False),
    sa.Column('promise_hash', sa.String(length=64), nullable=False),
    sa.Column('published_at', sa.BigInteger(), nullable=False),
    sa.Column('effective_from', sa.BigInteger(), nullable=False),
    sa.Column('effective_noted', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('number'),
    sa.UniqueConstraint('version')
    )
    op.create_table('receipt',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('entry', sa.LargeBinary(length=16), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.PrimaryKeyConstraint('digest'),
    comment='hash of a receipt number to the entry it is about'
    )
    op.create_index(op.f('ix_receipt_subject'), 'receipt', ['subject'], unique=False)
    op.create_table('record',
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('situation', sa.String(length=64), nullable=False),
    sa.Column('version', sa.String(length=80), nullable=False),
    sa.Column('origin', sa.String(length=16), nullable=False),
    sa.Column('class', sa.String(length=64), nullable=False),
    sa.Column('collected_at', sa.BigInteger(), nullable=False),
    sa.Column('channel', sa.String(length=32), nullable=False),
    sa.Column('subtype', sa.String(length=64), nullable=False),
    sa.Column('relation', sa.LargeBinary(length=16), nullable=True),
    sa.Column('receipt_id', sa.String(length=64), nullable=False),
    sa.Column('review', sa.String(length=32), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('subject', 'id')
    )
    op.create_index('record_collected', 'record', ['collected_at'], unique=False)
    op.create_index('record_id', 'record', ['id'], unique=True)
    op.create_index('record_review', 'record', ['id'], unique=False, sqlite_where=sa.text("review != ''"), postgresql_where=sa.text("review != ''"))
    op.create_index('record_situation', 'record', ['situation', 'version', 'subject', 'id'], unique=False)
    op.create_table('relation',
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('outside_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('opened', sa.Date(), nullable=False),
    sa.Column('ended', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('subject', 'id'),
    comment='contracts, accounts, applications; by the id it has outside one is found through the blind index alone'
    )
    op.create_index('relation_ended', 'relation', ['ended'], unique=False)
    op.create_index('relation_id', 'relation', ['id'], unique=True)
    op.create_table('request',
    sa.Column('number', sa.String(length=20), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('right', sa.String(length=40), nullable=False),
    sa.Column('regime', sa.String(length=16), nullable=False),
    sa.Column('residence', sa.String(length=16), nullable=False),
    sa.Column('lang', sa.String(length=16), nullable=False),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('arrived_at', sa.BigInteger(), nullable=False),
    sa.Column('due', sa.Date(), nullable=True),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=True),
    sa.Column('purposes', sa.Text(), nullable=False),
    sa.Column('identified_by', sa.String(length=40), nullable=False),
    sa.Column('decided_by', sa.String(length=40), nullable=False),
    sa.Column('ground', sa.String(length=40), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.Column('certificate', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('number'),
    sa.UniqueConstraint('year', 'sequence')
    )
    op.create_index(op.f('ix_request_state'), 'request', ['state'], unique=False)
    op.create_index(op.f('ix_request_subject'), 'request', ['subject'], unique=False)
    op.create_table('rotation',
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('old', sa.String(length=200), nullable=False),
    sa.Column('new', sa.String(length=200), nullable=False),
    sa.Column('words', sa.Text(), nullable=False),
    sa.Column('begun_at', sa.BigInteger(), nullable=False),
    sa.Column('verified_at', sa.BigInteger(), nullable=True),
    sa.Column('copies', sa.Integer(), nullable=True),
    sa.Column('effective_at', sa.BigInteger(), nullable=True),
    sa.Column('guarantee', sa.String(length=300), nullable=True),
    sa.Column('finished_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    comment='changes of the root; without finished_at one is under way'
    )
    op.create_table('schedule',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('due', sa.BigInteger(), nullable=False),
    sa.Column('started', sa.BigInteger(), nullable=True),
    sa.Column('finished', sa.BigInteger(), nullable=True),
    sa.Column('done', sa.String(length=200), nullable=False),
    sa.Column('failed', sa.String(length=80), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('holder', sa.String(length=32), nullable=False),
    sa.Column('held_until', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('name'),
    comment='what is done daily: when it is due, what the last run did, who is at it and until when that counts'
    )
    op.create_table('service_case',
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('reference', sa.String(length=100), nullable=False),
    sa.Column('op', sa.String(length=12), nullable=False),
    sa.Column('keyed', sa.LargeBinary(length=16), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=True),
    sa.Column('record', sa.LargeBinary(length=16), nullable=True),
    sa.Column('sealed', sa.LargeBinary(), nullable=True),
    sa.Column('policy_version', sa.String(length=80), nullable=False),
    sa.Column('actor', sa.String(length=40), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('reference', 'op'),
    comment="one thing to be done in services for one person; keyed: whose key seals, the person's or the case's own"
    )
    op.create_index(op.f('ix_service_case_subject'), 'service_case', ['subject'], unique=False)
    op.create_table('service_cursor',
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name'),
    comment='up to which position of the ledger a reader has read'
    )
    op.create_table('service_known',
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('service', sa.String(length=64), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    comment='records that services hold of a person because we wrote them there; their keys are sealed'
    )
    op.create_index(op.f('ix_service_known_subject'), 'service_known', ['subject'], unique=False)
    op.create_table('service_lane',
    sa.Column('service', sa.String(length=64), nullable=False),
    sa.Column('holder', sa.String(length=32), nullable=False),
    sa.Column('held_until', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('service'),
    comment='which process talks to a service now: one at a time, so that its pace is kept'
    )
    op.create_table('service_target',
    sa.Column('case', sa.LargeBinary(length=16), nullable=False),
    sa.Column('service', sa.String(length=64), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('code', sa.String(length=80), nullable=False),
    sa.Column('records', sa.Integer(), nullable=False),
    sa.Column('told', sa.Text(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('looks', sa.Integer(), nullable=False),
    sa.Column('due', sa.BigInteger(), nullable=True),
    sa.Column('until', sa.BigInteger(), nullable=True),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('case', 'service'),
    comment='how a case stands in one service; told: counts of outcomes; due: when it is taken up next'
    )
    op.create_index(op.f('ix_service_target_due'), 'service_target', ['due'], unique=False)
    op.create_table('staff_account',
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('number'),
    comment='number to name: ordinary data that may be erased; the ledger knows numbers only'
    )
    op.create_table('staff_link',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('digest'),
    comment='one-time links (kind link) and sessions (kind session) of the console, as hashes'
    )
    op.create_index(op.f('ix_staff_link_until'), 'staff_link', ['until'], unique=False)
    op.create_table('staff_role',
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint('number', 'role')
    )
    op.create_table('staff_rules',
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('version', sa.String(length=80), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('number')
    )
    op.create_table('staff_training',
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('course', sa.String(length=40), nullable=False),
    sa.Column('until', sa.Date(), nullable=False),
    sa.PrimaryKeyConstraint('number', 'course')
    )
    op.create_table('standing',
    sa.Column('purpose', sa.String(length=128), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.Column('entry_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('purpose', 'subject')
    )
    op.create_index('standing_subject', 'standing', ['subject', 'purpose'], unique=False)
    op.create_index('standing_until', 'standing', ['until'], unique=False)
    op.create_table('start',
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('word', sa.String(length=32), nullable=False),
    sa.Column('relation', sa.LargeBinary(length=16), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('subject', 'word', 'relation'),
    comment='latest start event of a retention clock, by subject, start word and relation (empty: none)'
    )
    op.create_index('start_at', 'start', ['word', 'at'], unique=False)
    op.create_table('subject',
    sa.Column('id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('person', sa.LargeBinary(length=16), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    comment='person: the same for subjects that were found to be one person, empty for everybody else'
    )
    op.create_index('subject_person', 'subject', ['person'], unique=False, sqlite_where=sa.text('person IS NOT NULL'), postgresql_where=sa.text('person IS NOT NULL'))
    op.create_table('withdraw_ticket',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=96), nullable=False),
    sa.Column('lang', sa.String(length=16), nullable=False),
    sa.PrimaryKeyConstraint('digest'),
    comment='hash of a withdrawal ticket, as it stands in mails, to whose consent for what it ends'
    )
    op.create_index(op.f('ix_withdraw_ticket_subject'), 'withdraw_ticket', ['subject'], unique=False)
