# ruff: noqa: N802, N803, N815
"""How the double of the service answers GraphQL.

The members of `Root` answer the outermost fields of a document; what they return answers the fields below. Names in
camel case are the service's own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.tracking.filters import matches, sorted_by
from tests.tracking.kept import EVENTS, HISTORY, OUTPUT, Kept, KeptArtifact, KeptRun, KeptView, Refused, opaque


@dataclass
class Root:
    """Answers of one request. `base_url`: where the double's storage stands."""

    kept: Kept
    base_url: str

    # queries

    def viewer(self) -> dict[str, Any]:
        return {
            "id": opaque("User", "1"),
            "entity": self.kept.entity,
            "username": self.kept.entity,
            "name": self.kept.entity,
            "email": "lab@example.org",
            "admin": False,
            "flags": "{}",
            "deletedAt": None,
            "apiKeys": {"edges": []},
            "teams": {"edges": []},
        }

    def serverInfo(self) -> dict[str, Any]:
        return {"features": [], "cliVersionInfo": {"max_cli_version": "999.0.0"}, "latestLocalVersionInfo": None}

    def entity(self, name: str | None = None) -> dict[str, Any]:
        return {
            "id": opaque("Entity", name or self.kept.entity),
            "name": name or self.kept.entity,
            "organization": None,
        }

    def organization(self, name: str | None = None) -> None:
        return None

    def clientIDMapping(self, clientID: str) -> dict[str, Any] | None:
        owned = [artifact for artifact in self.kept.artifacts if artifact.client_id == clientID]
        return {"serverID": owned[0].storage_id} if owned else None

    def project(self, name: str, entityName: str | None = None) -> ProjectAnswer | None:
        address = (entityName or self.kept.entity, name)
        return ProjectAnswer(self.kept, *address, self.base_url) if address in self.kept.projects else None

    model = project

    def models(self, entityName: str, first: int = 50, after: str | None = None) -> dict[str, Any]:
        names = [name for entity, name in sorted(self.kept.projects) if entity == entityName]
        return _page([ProjectAnswer(self.kept, entityName, name, self.base_url) for name in names], after, first)

    def artifact(self, id: str) -> dict[str, Any] | None:
        return next(
            (artifact_answer(each, self.base_url) for each in self.kept.artifacts if each.storage_id == id), None
        )

    def view(self, id: str) -> dict[str, Any] | None:
        kept = self.kept.views.get(id)
        return _view_answer(kept) if kept else None

    # mutations

    def upsertModel(self, input: dict[str, Any]) -> dict[str, Any]:
        entity, name = input.get("entityName") or self.kept.entity, input["name"]
        self.kept.projects.add((entity, name))
        return {"model": ProjectAnswer(self.kept, entity, name, self.base_url), "inserted": True}

    def upsertBucket(self, input: dict[str, Any]) -> dict[str, Any]:
        by_id = [run for run in self.kept.runs.values() if input.get("id") and run.storage_id == input["id"]]
        entity = input.get("entityName") or self.kept.entity
        address = (entity, input.get("modelName") or "uncategorized", input.get("name") or "")
        if not by_id and address in self.kept.deleted:
            raise Refused(409, f"run {address[2]} was previously created and deleted; try a new run name")
        run = by_id[0] if by_id else self.kept.runs.get(address)
        inserted = run is None
        if run is None:
            run = KeptRun(*address, number=len(self.kept.runs) + 1)
            self.kept.runs[address] = run
            self.kept.projects.add(address[:2])
        run.upsert(input)
        return {"bucket": RunAnswer(run, self.base_url), "inserted": inserted}

    def updateRunState(self, input: dict[str, Any]) -> dict[str, Any]:
        run = next(run for run in self.kept.runs.values() if run.storage_id == input["id"])
        run.state = input["state"]
        return {"success": True}

    def deleteRun(self, input: dict[str, Any]) -> dict[str, Any]:
        self.kept.delete(next(run for run in self.kept.runs.values() if run.storage_id == input["id"]))
        return {"clientMutationId": None}

    def createRunFiles(self, input: dict[str, Any]) -> dict[str, Any]:
        run = self.kept.run(input.get("entityName"), input.get("projectName"), input["runName"])
        if run is None:
            raise Refused(404, "no such run")
        url = f"{self.base_url}/storage/run/{run.entity}/{run.project}/{run.id}"
        files = [{"name": name, "uploadUrl": f"{url}/{name}"} for name in input["files"]]
        return {"runID": run.storage_id, "uploadHeaders": [], "files": files}

    def markRunFilesUploaded(self, input: dict[str, Any]) -> dict[str, Any]:
        return {"success": True}

    def createArtifact(self, input: dict[str, Any]) -> dict[str, Any]:
        run = self.kept.run(input["entityName"], input["projectName"], input["runName"])
        if run is None:
            raise Refused(404, "no such run")
        names = input.get("artifactCollectionNames") or [input.get("artifactCollectionName")]
        place = (run.entity, run.project, names[0])
        earlier = [one for one in self.kept.artifacts if (one.run.entity, one.run.project, one.collection) == place]
        same = [one for one in earlier if one.digest == input["digest"] and one.state == "COMMITTED"]
        if same and input.get("enableDigestDeduplication"):
            artifact = same[0]
        else:
            artifact = KeptArtifact(
                number=len(self.kept.artifacts) + 1,
                run=run,
                type=input["artifactTypeName"],
                collection=names[0],
                digest=input["digest"],
                metadata=json.loads(input["metadata"]) if input.get("metadata") else None,
                description=input.get("description"),
                aliases=[alias["alias"] for alias in input.get("aliases") or []],
                client_id=input.get("clientID"),
                version=len(earlier),
            )
            self.kept.artifacts.append(artifact)
            run.artifacts.append(artifact)
        return {"artifact": artifact_answer(artifact, self.base_url)}

    def _artifact(self, storage_id: str) -> KeptArtifact:
        return next(each for each in self.kept.artifacts if each.storage_id == storage_id)

    def createArtifactManifest(self, input: dict[str, Any]) -> dict[str, Any]:
        artifact = self._artifact(input["artifactID"])
        return {"artifactManifest": self._manifest(artifact)}

    def updateArtifactManifest(self, input: dict[str, Any]) -> dict[str, Any]:
        return {"artifactManifest": self._manifest(self._artifact(input["artifactManifestID"]))}

    def _manifest(self, artifact: KeptArtifact) -> dict[str, Any]:
        url = f"{self.base_url}/storage/manifest/{artifact.number}"
        return {"id": artifact.storage_id, "file": {"id": artifact.storage_id, "uploadUrl": url, "uploadHeaders": []}}

    def createArtifactFiles(self, input: dict[str, Any]) -> dict[str, Any]:
        nodes = []
        for asked in input["artifactFiles"]:
            artifact = self._artifact(asked["artifactID"])
            nodes.append(
                {
                    "storagePath": asked["name"],
                    "uploadUrl": f"{self.base_url}/storage/artifact/{artifact.number}/{asked['name']}",
                    "uploadHeaders": [],
                    "uploadMultipartUrls": None,
                    "artifact": {"id": artifact.storage_id},
                }
            )
        return {"files": {"edges": [{"node": node} for node in nodes]}}

    def commitArtifact(self, input: dict[str, Any]) -> dict[str, Any]:
        artifact = self._artifact(input["artifactID"])
        artifact.state = "COMMITTED"
        return {"artifact": artifact_answer(artifact, self.base_url)}

    def upsertView(self, input: dict[str, Any]) -> dict[str, Any]:
        id = input.get("id") or opaque("View", str(len(self.kept.views) + 1))
        present = self.kept.views.get(id)
        if input.get("id") and present is None:
            raise Refused(404, "no such view")
        self.kept.views[id] = KeptView(
            id=id,
            entity=input.get("entityName") or (present.entity if present else self.kept.entity),
            project=input.get("projectName") or (present.project if present else ""),
            type=input.get("type") or (present.type if present else ""),
            name=input.get("name") or (present.name if present else ""),
            display_name=input.get("displayName") or (present.display_name if present else ""),
            description=input.get("description") or "",
            spec=json.loads(input["spec"]),
        )
        return {"view": _view_answer(self.kept.views[id]), "inserted": present is None}


def _view_answer(view: KeptView) -> dict[str, Any]:
    return {
        "id": view.id,
        "type": view.type,
        "name": view.name,
        "displayName": view.display_name,
        "description": view.description,
        "project": {"id": "1", "name": view.project, "entityName": view.entity},
        "spec": json.dumps(view.spec),
        "createdAt": "2026-01-01T00:00:00",
        "updatedAt": "2026-01-01T00:00:00",
        "user": {"username": view.entity, "name": view.entity},
    }


@dataclass
class ProjectAnswer:
    """A project, as documents ask for it."""

    TYPENAME: ClassVar[str] = "Project"
    kept: Kept
    entityName: str
    name: str
    base_url: str
    isBenchmark: bool = False
    readOnly: bool = False
    createdAt: str = "2026-01-01T00:00:00"
    internalId: str = "1"
    user: None = None

    @property
    def id(self) -> str:
        return opaque("Project", f"{self.entityName}/{self.name}")

    @property
    def entity(self) -> dict[str, str]:
        return {"id": opaque("Entity", self.entityName), "name": self.entityName}

    def run(self, name: str) -> RunAnswer | None:
        run = self.kept.run(self.entityName, self.name, name)
        return RunAnswer(run, self.base_url) if run else None

    def bucket(self, name: str, missingOk: bool = False) -> RunAnswer | None:
        return self.run(name)

    def runCount(self, filters: str | None = None) -> int:
        return len(self._matching(filters))

    def runs(
        self,
        filters: str | None = None,
        after: str | None = None,
        first: int = 50,
        order: str | None = None,
    ) -> dict[str, Any]:
        runs = sorted_by(order or "+created_at", self._matching(filters))
        return _page([RunAnswer(run, self.base_url) for run in runs], after, first)

    def _matching(self, filters: str | None) -> list[KeptRun]:
        wanted = json.loads(filters or "{}")
        here = [run for run in self.kept.runs.values() if (run.entity, run.project) == (self.entityName, self.name)]
        return [run for run in here if matches(wanted, run)]


@dataclass
class RunAnswer:
    """A run, as documents ask for it."""

    kept: KeptRun
    base_url: str
    projectId: str = "1"
    sweepName: None = None
    readOnly: bool = False
    createdAt: str = "2026-01-01T00:00:00"
    heartbeatAt: str = "2026-01-01T00:00:00"
    updatedAt: str = "2026-01-01T00:00:00"
    description: str = ""
    systemMetrics: str = "{}"
    stopped: bool = False

    def __getattr__(self, name: str) -> Any:
        same = {
            "name": "id",
            "displayName": "name",
            "group": "group",
            "jobType": "job_type",
            "notes": "notes",
            "tags": "tags",
            "state": "state",
            "commit": "commit",
            "host": "host",
            "id": "storage_id",
        }
        if name not in same:
            raise AttributeError(name)
        return getattr(self.kept, same[name])

    @property
    def user(self) -> dict[str, str]:
        return {"name": self.kept.entity, "username": self.kept.entity}

    @property
    def project(self) -> dict[str, Any]:
        entity = {"id": opaque("Entity", self.kept.entity), "name": self.kept.entity}
        return {"id": opaque("Project", self.kept.project), "name": self.kept.project, "entity": entity}

    @property
    def config(self) -> str:
        return json.dumps(self.kept.raw_config)

    def wandbConfig(self, keys: Iterable[str]) -> str:
        return json.dumps({key: value for key, value in self.kept.internal.items() if key in keys})

    @property
    def summaryMetrics(self) -> str:
        return json.dumps(self.kept.summary)

    @property
    def historyLineCount(self) -> int:
        return len(self.kept.stream(HISTORY))

    @property
    def eventsLineCount(self) -> int:
        return len(self.kept.stream(EVENTS))

    @property
    def logLineCount(self) -> int:
        return len(self.kept.stream(OUTPUT))

    @property
    def historyTail(self) -> str:
        return json.dumps(self.kept.stream(HISTORY)[-1:])

    @property
    def eventsTail(self) -> str:
        return json.dumps(self.kept.stream(EVENTS)[-1:])

    @property
    def historyKeys(self) -> dict[str, Any]:
        rows = self.kept.history
        keys = {key for row in rows for key in row if not key.startswith("_")}
        return {"lastStep": rows[-1].get("_step", len(rows) - 1) if rows else -1, "keys": {key: {} for key in keys}}

    def history(self, minStep: int = 0, maxStep: int | None = None, samples: int = 500) -> list[str]:
        rows = [row for row in self.kept.history if minStep <= row["_step"]]
        rows = [row for row in rows if maxStep is None or row["_step"] < maxStep]
        return [json.dumps(row) for row in rows[:: max(1, -(-len(rows) // samples))]]

    def events(self, samples: int = 500) -> list[str]:
        return self.kept.stream(EVENTS)[:samples]

    def sampledHistory(self, specs: list[str]) -> list[list[dict[str, Any]]]:
        return [self._sampled(json.loads(spec)) for spec in specs]

    def _sampled(self, spec: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows that hold all of the asked keys; both steps count, as with the service."""
        low, high = spec.get("minStep", 0), spec.get("maxStep")
        keys = spec["keys"]
        rows = [row for row in self.kept.history if low <= row["_step"] and (high is None or row["_step"] <= high)]
        rows = [{key: row[key] for key in keys} for row in rows if all(key in row for key in keys)]
        return rows[:: max(1, -(-len(rows) // int(spec.get("samples", 500))))]

    def parquetHistory(self, liveKeys: list[str]) -> dict[str, Any]:
        steps = [{"_step": row["_step"]} for row in self.kept.history]
        return {"parquetUrls": [], "liveData": steps}

    @property
    def fileCount(self) -> int:
        return len(self.kept.files)

    def files(
        self,
        names: list[str] | None = None,
        after: str | None = None,
        first: int = 50,
        pattern: str | None = None,
    ) -> dict[str, Any]:
        wanted = [name for name in sorted(self.kept.files) if not names or name in names]
        return _page([self._file(name) for name in wanted], after, first)

    def _file(self, name: str) -> dict[str, Any]:
        content = self.kept.files[name]
        url = f"{self.base_url}/storage/run/{self.kept.entity}/{self.kept.project}/{self.kept.id}/{name}"
        return {
            "id": opaque("File", name),
            "name": name,
            "url": lambda upload=False: url,
            "directUrl": url,
            "sizeBytes": len(content),
            "mimetype": "application/octet-stream",
            "updatedAt": "2026-01-01T00:00:00",
            "md5": base64.b64encode(hashlib.md5(content).digest()).decode(),
        }

    def outputArtifacts(self, after: str | None = None, first: int = 50) -> dict[str, Any]:
        answers = [artifact_answer(each, self.base_url) for each in self.kept.artifacts if each.state == "COMMITTED"]
        return {**_page(answers, after, first), "totalCount": len(answers)}


def artifact_answer(artifact: KeptArtifact, base_url: str) -> dict[str, Any]:
    """An artifact, as documents ask for it."""
    project = RunAnswer(artifact.run, base_url).project | {"internalId": "1"}
    sequence = {
        "__typename": "ArtifactSequence",
        "id": opaque("ArtifactSequence", artifact.collection),
        "name": artifact.collection,
        "project": project,
        "latestArtifact": None,
    }
    manifest_url = f"{base_url}/storage/manifest/{artifact.number}"
    return {
        "__typename": "Artifact",
        "id": artifact.storage_id,
        "state": artifact.state,
        "digest": artifact.digest,
        "digestAlgorithm": None,
        "commitHash": None,
        "description": artifact.description,
        "metadata": json.dumps(artifact.metadata),
        "versionIndex": artifact.version,
        "artifactType": {"name": artifact.type},
        "artifactSequence": sequence,
        "ttlDurationSeconds": None,
        "ttlIsInherited": False,
        "tags": [],
        "aliases": [
            {"__typename": "ArtifactAlias", "id": alias, "alias": alias, "artifactCollection": sequence}
            for alias in artifact.aliases
        ],
        "historyStep": None,
        "size": artifact.size,
        "fileCount": len(artifact.entries),
        "createdAt": "2026-01-01T00:00:00",
        "updatedAt": None,
        "currentManifest": {"id": artifact.storage_id, "file": {"directUrl": manifest_url}},
    }


def _page(items: Sequence[Any], after: str | None, first: int) -> dict[str, Any]:
    start = int(after) if after else 0
    shown = items[start : start + first]
    end = start + len(shown)
    return {
        "edges": [{"node": item, "cursor": str(start + at + 1)} for at, item in enumerate(shown)],
        "pageInfo": {
            "__typename": "PageInfo",
            "endCursor": str(end) if shown else None,
            "hasNextPage": end < len(items),
        },
    }
