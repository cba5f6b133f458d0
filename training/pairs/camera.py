"""Camera and light matrices (column vectors, OpenGL clip space; row-major numpy arrays)."""

import math

import numpy as np


def look_at(eye, target, up=(0.0, 1.0, 0.0)):
    """World to view."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    side = np.cross(forward, up)
    side /= np.linalg.norm(side)
    view = np.eye(4)
    view[:3, :3] = side, np.cross(side, forward), -forward
    view[:3, 3] = -view[:3, :3] @ eye
    return view


def perspective(half_angle, near, far):
    """View to clip, square picture."""
    scale = 1 / math.tan(half_angle)
    matrix = np.diag([scale, scale, (far + near) / (near - far), 0.0])
    matrix[2, 3], matrix[3, 2] = 2 * far * near / (near - far), -1
    return matrix


def orthographic(half_size, near, far):
    """View to clip, for shadow maps."""
    matrix = np.diag([1 / half_size, 1 / half_size, -2 / (far - near), 1.0])
    matrix[2, 3] = -(far + near) / (far - near)
    return matrix


def portrait(landmarks, person):
    """Frame a face: (matrix, eye position). Both pictures of a pair use the photo's landmarks."""
    half_angle = math.radians(person.lens)
    eyes, mouth = landmarks.between_eyes, landmarks.mouth
    half = max(2.0 * landmarks.eye_distance, 1.8 * np.linalg.norm(mouth - eyes)) * person.zoom
    x, y = person.off_centre
    # A small head in a large picture is a portrait with shoulders: it stands in the upper half.
    lower = 0.04 - 0.22 * max(0.0, person.zoom - 1.0)
    centre = eyes + 0.12 * (mouth - eyes) + half * np.array([x, y + lower, 0])
    distance = half / math.tan(half_angle)
    eye = centre + np.array([0, 0, distance])
    return perspective(half_angle, max(0.6, distance - 3.2), distance + 6) @ look_at(eye, centre), eye
