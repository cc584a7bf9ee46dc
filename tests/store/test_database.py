async def test_a_row_written_is_a_row_read(db):
    assert await db.run("CREATE TABLE t (a int)") == -1
    assert await db.run("INSERT INTO t VALUES (%s), (%s)", (1, 2)) == 2
    assert await db.rows("SELECT a FROM t ORDER BY a") == [{"a": 1}, {"a": 2}]
    assert await db.one("SELECT a FROM t WHERE a = 3") is None
