"""The Flask application: every page there is, put together from the services."""

from __future__ import annotations

from flask import Flask

from web import (
    arrival,
    assets,
    chat,
    confirm,
    context,
    demo,
    failures,
    guide,
    health,
    join,
    leave,
    link,
    message_page,
    phone_list,
    pictures,
    prose,
    routes,
    security,
    slips,
    verify,
    webhooks,
)
from web.services import Services


def create_web(services: Services) -> Flask:
    """Make the application; raises LookupError if a route does not say who may call it."""
    app = failures.QuietFlask("web", static_folder=None)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    with app.app_context():
        context.install(services)
    security.protect(app, services)
    failures.install(app)
    assets.install(app)
    for blueprint in (
        health,
        message_page,
        leave,
        link,
        join,
        pictures,
        verify,
        confirm,
        phone_list,
        slips,
        arrival,
        guide,
    ):
        app.register_blueprint(blueprint.pages)
    with app.app_context():
        webhooks.install(app)
    app.register_blueprint(chat.chat_at("chat", "/chat"))
    if services.demo:
        demo.install(app)
    app.jinja_env.globals.update(t=context.t, language=context.spoken_language)
    app.jinja_env.filters["linked"] = prose.linked
    app.after_request(context.remember_language)
    routes.check(app)
    return app
