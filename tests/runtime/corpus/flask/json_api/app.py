import logging

from flask import Flask, abort, jsonify

from shop.views import bp

app = Flask(__name__)
app.register_blueprint(bp, url_prefix="/api")
logging.basicConfig(level=logging.INFO)


@app.get("/health")
def health():
    app.logger.info("asked for health")
    return "", 204


@app.get("/teapot")
def teapot():
    abort(418)


@app.errorhandler(KeyError)
def missing(error):
    return jsonify(error="missing", field=error.args[0]), 422
