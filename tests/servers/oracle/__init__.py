"""Oracle's wire protocol over a small SQL store, for tests of the real drivers without a licence.

`wire` speaks TNS and TTC; `store` parses and carries out the statements. They share what `spoken` defines. What only a
real server can show (its optimiser, privileges, undo, the cost of anything) is not here.
"""
