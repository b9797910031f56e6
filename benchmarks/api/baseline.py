"""A minimal FastAPI application with one indexed read: no authentication, no tenants, no entity tags."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import create_engine, text

engine = create_engine(os.environ["DATABASE_URL"])
app = FastAPI()


@app.get("/v1/jobs/{job_id}")
def read(job_id: str) -> dict[str, Any]:
    with engine.connect() as connection:
        row = connection.execute(text("SELECT id, status, version FROM jobs WHERE id = :id"), {"id": job_id}).one()
    return {"id": row.id, "status": row.status, "version": row.version}


if __name__ == "__main__":
    listening = socket.socket(fileno=int(sys.argv[1]))
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[listening])
