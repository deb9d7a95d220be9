app_name = "docport"
urlpatterns: list = []
