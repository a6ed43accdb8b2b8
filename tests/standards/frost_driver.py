"""Runs in the environment of frost-sta-client (Fraunhofer IOSB): does what each line says, by that client alone."""

import json
import sys
import traceback

import frost_sta_client as fsc
import requests
from frost_sta_client.model.ext.data_array_document import DataArrayDocument
from frost_sta_client.model.ext.data_array_value import DataArrayValue
from frost_sta_client.model.ext.unitofmeasurement import UnitOfMeasurement

URL, TOKEN = sys.argv[1:3]
service = fsc.SensorThingsService(URL, auth_handler=fsc.service.auth_handler.AuthHandler("anybody", TOKEN))
stranger = fsc.SensorThingsService(URL)
MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"


def query(of, *, where=None, expand=None, select=None, order=None, top=None, skip=None, count=False, parent=None):
    dao = getattr(service, of)()
    if parent:
        dao = getattr(getattr(service, parent[0])().find(parent[1]), f"get_{of}")()
    asked = dao.query()
    for name, value in (("filter", where), ("expand", expand), ("top", top), ("skip", skip)):
        if value is not None:
            asked = getattr(asked, name)(value)
    if select:
        asked = asked.select(*select)
    if order:
        asked = asked.orderby(*order)
    if count:
        asked = asked.count()
    return asked.list()


def listed(**question):
    """Ids and states of the first page, how many there are, and whether there is more."""
    found = query(**question)
    states = [one.__getstate__() for one in found.entities]
    return {"states": states, "count": found.count, "more": found.next_link is not None}


def all_ids(**question):
    """Ids of everything, over all pages: the client follows the links by itself."""
    return [one.id for one in query(**question)]


def find(of, key):
    return getattr(service, of)().find(key).__getstate__()


def create_station():
    """A thing with a place and a datastream, created at once."""
    place = fsc.Location(
        name="pier",
        description="end of the pier",
        encoding_type="application/geo+json",
        location={"type": "Point", "coordinates": [114.52, 21.75]},
    )
    stream = fsc.Datastream(
        name="tide",
        description="level at the pier",
        observation_type=MEASUREMENT,
        unit_of_measurement=UnitOfMeasurement(name="metre", symbol="m", definition="ucum:m"),
        sensor=fsc.Sensor(name="gauge", description="float", encoding_type="text/html", metadata="http://example.org"),
        observed_property=fsc.ObservedProperty(name="water level", definition="http://example.org/w", description="h"),
    )
    thing = fsc.Thing(name="tide station", description="of the harbour", properties={"depth": 4}, locations=[place])
    thing.datastreams = [stream]
    service.create(thing)
    (made,) = thing.get_datastreams().query().list().entities
    return {"thing": thing.id, "datastream": made.id}


def create_observation(datastream, result, **times):
    made = fsc.Observation(result=result, datastream=fsc.Datastream(id=datastream), **times)
    service.create(made)
    return {"id": made.id, "state": service.observations().find(made.id).__getstate__()}


def create_array(datastream, rows):
    group = DataArrayValue()
    group.datastream = fsc.Datastream(id=datastream)
    group.components = {group.Property.PHENOMENON_TIME, group.Property.RESULT}
    for time, result in rows:
        group.add_observation(fsc.Observation(phenomenon_time=time, result=result))
    document = DataArrayDocument()
    document.add_data_array_value(group)
    return [one.self_link for one in service.observations().create(document)]


def put(thing, name):
    found = service.things().find(thing)
    found.name = name
    service.update(found)
    return service.things().find(thing).__getstate__()


def patch(thing, steps):
    service.patch(service.things().find(thing), steps)
    return service.things().find(thing).__getstate__()


def delete(of, key):
    service.delete(getattr(service, of)().find(key))


def task(capability, parameters):
    known = service.tasking_capabilities().find(capability)
    made = fsc.Task(tasking_parameters=parameters, tasking_capability=known)
    service.create(made)
    return made.id


def refused(call):
    """What a call is refused with: status, and the problem's detail."""
    try:
        globals()[call.pop("do")](**call)
    except requests.exceptions.HTTPError as error:
        return [error.response.status_code, error.response.json()["detail"]]
    return None


def stranger_creates():
    stranger.create(fsc.Thing(name="x", description="by nobody"))


def raw(method, path, body, media="application/json"):
    """What the client would never send."""
    answer = requests.request(
        method,
        f"{URL}/{path}",
        data=body.encode(),
        headers={"Content-Type": media},
        auth=("anybody", TOKEN),
        timeout=60,
    )
    return [answer.status_code, answer.json().get("detail", "")]


for line in sys.stdin:
    told = json.loads(line)
    try:
        reply = {"answer": globals()[told.pop("do")](**told)}
    except Exception:
        reply = {"broken": traceback.format_exc()}
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()
