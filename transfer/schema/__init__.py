"""What stands in a schema: catalogue nouns, the write modes as statements, SQL that engines share."""
