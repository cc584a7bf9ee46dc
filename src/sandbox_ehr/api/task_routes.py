"""Tasks, messages, and telephone encounters over JSON."""

from sandbox_ehr.api.resources import changes, creates, lists, reads
from sandbox_ehr.clinic import calls, messages, tasks
from sandbox_ehr.clinic.calls import CALL, CALL_ACTION, CallActionQuery, CallQuery, NewCall, NewCallAction
from sandbox_ehr.clinic.messages import MESSAGE, MessageQuery, NewMessage
from sandbox_ehr.clinic.tasks import TASK, TASK_NOTE, NewTask, NewTaskNote, TaskChange, TaskNoteQuery, TaskQuery

routes = [
    lists("tasks.read", TASK, TaskQuery),
    reads("tasks.read", TASK),
    creates("tasks.write", "/api/tasks", "task", NewTask, tasks.create),
    changes("tasks.write", "/api/tasks/{id}", "task", TaskChange, tasks.change),
    lists("tasks.read", TASK_NOTE, TaskNoteQuery),
    reads("tasks.read", TASK_NOTE),
    creates("tasks.write", "/api/task-notes", "task_note", NewTaskNote, tasks.add_note),
    lists("messages.read", MESSAGE, MessageQuery),
    reads("messages.read", MESSAGE),
    creates("messages.write", "/api/messages", "message", NewMessage, messages.create),
    lists("calls.read", CALL, CallQuery),
    reads("calls.read", CALL),
    creates("calls.write", "/api/calls", "call", NewCall, calls.create),
    lists("calls.read", CALL_ACTION, CallActionQuery),
    reads("calls.read", CALL_ACTION),
    creates("calls.write", "/api/call-actions", "call_action", NewCallAction, calls.add_action),
]
