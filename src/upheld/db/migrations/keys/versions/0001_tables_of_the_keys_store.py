"""Tables of the keys store."""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None


def upgrade() -> None:
    """Bring the tables to revision 0001."""
    op.create_table('key_bucket',
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('number'),
    comment='two keys a bucket, wrapped as one: of keys of persons, and of the index'
    )
    op.create_table('key_dek',
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.Column('class', sa.String(length=64), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False),
    sa.Column('hour', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('subject', 'class'),
    comment='one random key per subject and shred class; hour (since 1970) of last making or meeting, for orphans'
    )
    op.create_table('key_meta',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('key_state',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('tenant', sa.String(length=64), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('root', sa.String(length=200), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.Column('buckets', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    comment='since: when this root took over'
    )
    op.create_table('key_suppressed',
    sa.Column('tag', sa.LargeBinary(length=16), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('tag')
    )
    op.create_table('key_tag',
    sa.Column('place', sa.LargeBinary(length=18), nullable=False),
    sa.Column('subject', sa.LargeBinary(length=16), nullable=False),
    sa.PrimaryKeyConstraint('place', 'subject'),
    comment='blind index: keyed hash of an identifier, under the index key of its bucket, to the subject'
    )
    op.create_index(op.f('ix_key_tag_subject'), 'key_tag', ['subject'], unique=False)
