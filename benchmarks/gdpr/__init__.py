"""GDPRbench, written anew from its specification: records, operations, an oracle, the bare table and ours."""
