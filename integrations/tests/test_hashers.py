from django.contrib.auth.hashers import check_password, identify_hasher, make_password

SECRET = "dps_m0Xm3wZx1q8r7C2yQv9tUoP4sLhJkFgD6aBnEiRzTcY"


def test_a_random_secret_is_known_by_its_hash() -> None:
    kept = make_password(SECRET, hasher="random_sha256")

    assert check_password(SECRET, kept)
    assert not check_password(SECRET + "x", kept)
    assert not check_password("", kept)
    assert SECRET not in kept
    assert kept != make_password(SECRET, hasher="random_sha256")
    assert identify_hasher(kept).safe_summary(kept) == {"algorithm": "random_sha256"}


def test_what_people_choose_is_hashed_otherwise() -> None:
    assert not make_password("a password").startswith("random_sha256")
