"""What is read from SHOW CREATE TABLE as MySQL 8.0 prints it."""

from __future__ import annotations

from ropeway.transfer.engines.mysql.unlisted import said

PRINTED = r"""CREATE TABLE `t` (
  `id` int NOT NULL COMMENT 'it''s \' /*!80003 SRID 1 */',
  `p` point NOT NULL /*!80003 SRID 4326 */,
  `body` text,
  PRIMARY KEY (`id`),
  FULLTEXT KEY `words` (`body`) /*!50100 WITH PARSER `ngram` */ ,
  FULLTEXT KEY `plain` (`body`)
) /*!50100 TABLESPACE `fast` */ ENGINE=InnoDB COMMENT='DATA DIRECTORY=''/no/''' DATA DIRECTORY='/far/'
/*!50100 PARTITION BY HASH (`id`)
(PARTITION a DATA DIRECTORY = '/own' ENGINE = InnoDB) */"""


def test_what_is_said_there() -> None:
    rest = ["parser of index words: ngram", "reference system of p: SRID 4326"]
    places = ["TABLESPACE `fast`", "DATA DIRECTORY='/far/'"]
    assert said(PRINTED, placed=True) == [*(f"where its files lie: {one}" for one in places), *rest]
    assert said(PRINTED, placed=False) == rest
