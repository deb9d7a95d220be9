from docport.celery import SCHEDULE, app


def test_every_scheduled_task_exists_and_expires_before_the_next() -> None:
    app.loader.import_default_modules()

    for name, entry in SCHEDULE.items():
        assert entry["task"] in app.tasks, name
        assert entry["options"]["expires"] <= entry["schedule"], name
